/** Where records are sent, and in what form. Facts from Mixpanel's ingestion reference. */
export interface Endpoint {
  readonly path: string
  /**
   * `ip=0` unless the client is told to `geolocate`: the address of a server says nothing of where the person is.
   * `verbose` makes /track and /engage say why they refuse; `strict` makes /import name each record that it refuses.
   */
  readonly query: Readonly<Record<string, string>>
  /** /engage and /groups take no gzip. */
  readonly gzip: boolean
  /** Whether records have an effect that depends on their order, so that only one request goes at a time. */
  readonly ordered: boolean
  /** How the body holds records, and where in each the token goes; an import is authorised by its header instead. */
  readonly body: 'lines' | 'events' | 'updates'
}

export type EndpointName = 'track' | 'import' | 'engage' | 'groups'

export const ENDPOINTS: Readonly<Record<EndpointName, Endpoint>> = {
  track: { path: '/track', query: { ip: '0', verbose: '1' }, gzip: true, ordered: false, body: 'events' },
  import: { path: '/import', query: { strict: '1', ip: '0' }, gzip: true, ordered: false, body: 'lines' },
  engage: { path: '/engage', query: { ip: '0', verbose: '1' }, gzip: false, ordered: true, body: 'updates' },
  groups: { path: '/groups', query: { ip: '0', verbose: '1' }, gzip: false, ordered: true, body: 'updates' },
}

/** The most records that Mixpanel takes in one request. */
export const BATCH_RECORDS_MAX = 2000

/** Mixpanel's documents name 10 MB in one place and 2,097,152 bytes in another. */
export const BATCH_BYTES_MAX = 2_000_000

/** The most that one record may take. */
export const RECORD_BYTES_MAX = 1_000_000

/** A record on its way: JSON without the token, and the bytes that it takes. */
export interface Outgoing {
  readonly json: string
  readonly bytes: number
  /** True where its properties name a token of their own. */
  readonly ownToken: boolean
  /** Its number, from 0, among the records that went to this endpoint. */
  readonly index: number
  /** Where the spool has it. */
  readonly place?: unknown
}

/** How the JSON of an event begins, so that the token can be put in without reading it. */
const PROPERTIES = '{"properties":{'

/** The JSON of an event, with its properties first. There must be one. */
export function eventJson(propertiesJson: string, name: string): string {
  return `{"properties":${propertiesJson},"event":${JSON.stringify(name)}}`
}

/** The body of a request. */
export function bodyOf({ body }: Endpoint, records: readonly Outgoing[], token: string): string {
  if (body === 'lines') return records.map(({ json }) => json).join('\n')
  const [start, key] = body === 'events' ? [PROPERTIES, '"token":'] : ['{', '"$token":']
  const opening = `${start}${key}${JSON.stringify(token)},`
  return `[${records.map(({ json, ownToken }) => (ownToken ? json : opening + json.slice(start.length))).join(',\n')}]`
}

/** The name of an event on its way; a text that is no name for anything else. */
export function eventNameOf({ json }: Outgoing): string {
  const name = (JSON.parse(json) as { readonly event?: unknown }).event
  return typeof name === 'string' ? name : ''
}
