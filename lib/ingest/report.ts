import type { MixloadError } from '../core/errors.ts'
import type { EndpointName } from './endpoints.ts'

/** A record that Mixpanel rejected. It is not sent again. */
export interface RejectedRecord {
  readonly endpoint: EndpointName
  /** Its number, from 0, in the import or among the records sent to this endpoint. */
  readonly index: number
  readonly reason: string
  /** The property at fault, if Mixpanel names one. */
  readonly field?: string
  /** What was sent, as JSON, without the project token. */
  readonly record: string
}

/** Something that happened to records on their way to Mixpanel. */
export type DeliveryNotice =
  | { readonly kind: 'retry'; readonly endpoint: EndpointName; readonly error: MixloadError; readonly delayMs: number }
  | { readonly kind: 'rejected'; readonly rejection: RejectedRecord }
  /** Records that could not be delivered. `kept`: the spool keeps them for the next start. */
  | {
      readonly kind: 'failed'
      readonly endpoint: EndpointName
      readonly error: MixloadError
      readonly count: number
      readonly kept: boolean
    }

/** What happened to the records since the report before. */
export interface DeliveryReport {
  readonly accepted: number
  readonly rejected: number
  readonly failed: number
  /** The first 1,000 rejected records. `onNotice` gets all of them. */
  readonly rejections: readonly RejectedRecord[]
}
