import { HOUR_MS, millisecondsOf } from '../time/instants.ts'
import type { EventPayload } from './payloads.ts'

/** Where records are sent, and in what form. Facts are from Mixpanel's ingestion reference. */
export interface Endpoint {
  readonly path: string
  /**
   * `ip=0` unless the client is set to `geolocate`: the address of a server says nothing about
   * where the person is. With `verbose`, /track and /engage say why they reject a request; with
   * `strict`, /import names each record that it rejects.
   */
  readonly query: Readonly<Record<string, string>>
  /** /engage and /groups do not accept gzip. */
  readonly gzip: boolean
  /** Whether the order of records matters, so that only one request is sent at a time. */
  readonly ordered: boolean
  /** The form of the body. In `lines`, an import, the token is in a header instead. */
  readonly body: 'lines' | 'events' | 'updates'
}

/** The endpoints of Mixpanel that accept records. */
export type EndpointName = 'track' | 'import' | 'engage' | 'groups'

export const ENDPOINTS: Readonly<Record<EndpointName, Endpoint>> = {
  track: { path: '/track', query: { ip: '0', verbose: '1' }, gzip: true, ordered: false, body: 'events' },
  import: { path: '/import', query: { strict: '1', ip: '0' }, gzip: true, ordered: false, body: 'lines' },
  engage: { path: '/engage', query: { ip: '0', verbose: '1' }, gzip: false, ordered: true, body: 'updates' },
  groups: { path: '/groups', query: { ip: '0', verbose: '1' }, gzip: false, ordered: true, body: 'updates' },
}

export const BATCH_RECORDS_MAX = 2000

/** Mixpanel's documentation says 10 MB in one place and 2,097,152 bytes in another. */
export const BATCH_BYTES_MAX = 2_000_000

export const RECORD_BYTES_MAX = 1_000_000

/** An event or a profile update that is queued or being sent. */
export interface OutgoingRecord {
  /** Without the project token. */
  readonly json: string
  readonly bytes: number
  /** Whether its properties name a token of their own. */
  readonly hasOwnToken: boolean
  /** Its number, from 0, among the records sent to this endpoint. */
  readonly index: number
  /** Where the spool keeps it. */
  readonly spoolPosition?: unknown
}

/** The start of an event's JSON. It is fixed, so that the token can be inserted without parsing. */
const PROPERTIES = '{"properties":{'

/** Returns the JSON of an event, with its properties first. There must be at least one. */
export function eventJson(propertiesJson: string, name: string): string {
  return `{"properties":${propertiesJson},"event":${JSON.stringify(name)}}`
}

/** Returns the body of a request. */
export function requestBody({ body }: Endpoint, records: readonly OutgoingRecord[], token: string): string {
  if (body === 'lines') return records.map(({ json }) => json).join('\n')
  const [start, key] = body === 'events' ? [PROPERTIES, '"token":'] : ['{', '"$token":']
  const opening = `${start}${key}${JSON.stringify(token)},`
  return `[${records
    .map(({ json, hasOwnToken }) => (hasOwnToken ? json : opening + json.slice(start.length)))
    .join(',\n')}]`
}

/** Returns the name of an event; an empty text for a profile update. */
export function eventNameOf({ json }: OutgoingRecord): string {
  const name = (JSON.parse(json) as { readonly event?: unknown }).event
  return typeof name === 'string' ? name : ''
}

/** /track drops events older than five days. One hour is for queueing and retries. */
const TRACK_AGE_MS_MAX = (5 * 24 - 1) * HOUR_MS

/** An import needs one of these properties. */
const PERSON_PROPERTIES = ['distinct_id', '$user_id', '$device_id']

/** Chooses the endpoint for an event, and returns the event as the endpoint expects it. */
export function routeEvent({ event, properties }: EventPayload, now: number): readonly [EndpointName, EventPayload] {
  const isOld = now - millisecondsOf(properties.time as number) > TRACK_AGE_MS_MAX
  // Mixpanel merges two ids only when they arrive as an import.
  if (!isOld && event !== '$merge') return ['track', { event, properties }]
  const hasPerson = PERSON_PROPERTIES.some((name) => properties[name] !== undefined)
  // An import rejects an event without a person. An empty id means that there is none.
  return ['import', { event, properties: hasPerson ? properties : { ...properties, distinct_id: '' } }]
}
