/** `mixload/client`: sends events, profile updates and identities to Mixpanel. */
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  type ErrorHandling,
  isFailure,
  MixloadError,
} from '../core/errors.ts'
export type { RetryPolicy } from '../core/retry.ts'
export { REGIONS, type Region } from '../mixpanel/regions.ts'
export type { IngestClient } from './client.ts'
export type { IngestOptions } from './client-options.ts'
export type { EndpointName } from './endpoints.ts'
export type { ImportEvents, ImportOptions } from './import-events.ts'
export type { TimeInput } from './mixpanel-time.ts'
export { clientNamed, createClient, stopClient } from './named-clients.ts'
export { OPERATIONS, type Operation } from './operations.ts'
export type { EngageOptions, EventPayload, IpAddress, ProfileUpdate, TrackOptions } from './payloads.ts'
export type { ImportEvent } from './prepare-import.ts'
export type { Properties } from './property-values.ts'
export type { DeliveryNotice, DeliveryReport, RejectedRecord } from './report.ts'
export type { ImportCredentials } from './sender.ts'
