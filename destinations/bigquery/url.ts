import type { DestinationOptions } from '../../lib/destination.ts'
import { MixloadError } from '../../lib/errors.ts'

/** What a `bigquery://` URL says. */
export interface BigQueryAddress {
  readonly project: string
  readonly dataset: string
  /** Where a dataset that has to be made is kept; undefined: where Google keeps those that do not say. */
  readonly location: string | undefined
  /** The JSON key of a service account, or any other credentials file; undefined: Application Default Credentials. */
  readonly keyFile: string | undefined
  /** In place of Google's own: an emulator, or a private endpoint. */
  readonly endpoint: string | undefined
}

const GOOGLE = 'https://bigquery.googleapis.com'
const KNOWN = ['location', 'key_file', 'endpoint']
/** Ids as cloud.google.com/resource-manager/docs/creating-managing-projects has them, old ones with a domain before them. */
const PROJECT = /^(?:[a-z0-9.-]+:)?[a-z0-9][a-z0-9-]*$/
/** docs.cloud.google.com/bigquery/docs/datasets, "Name datasets". */
const DATASET = /^[A-Za-z0-9_]{1,1024}$/
const LOCATION = /^[A-Za-z0-9-]+$/

/**
 * Where a URL points.
 * @throws MixloadError CONFIG_INVALID, saying what is wrong and what to write.
 */
export function parseUrl({
  url,
  schema,
  bigqueryEndpoint,
}: Pick<DestinationOptions, 'url' | 'schema' | 'bigqueryEndpoint'>): BigQueryAddress {
  // Not by URL: the ids of old projects have a colon, which it takes for the beginning of a port.
  const [, project = '', path = '', query = ''] = /^bigquery:\/\/([^/?#]*)\/?([^?#]*)(?:\?([^#]*))?$/.exec(url) ?? []
  if (!PROJECT.test(project)) throw invalid('needs the id of a project')
  const dataset = path === '' ? schema : decoded(path)
  if (!DATASET.test(dataset)) {
    throw path === ''
      ? new MixloadError('CONFIG_INVALID', '--schema: a dataset of BigQuery has letters, digits and _ in its name.')
      : invalid('needs a dataset of letters, digits and _')
  }
  const parameters = new Map(new URLSearchParams(query))
  const unknown = [...parameters.keys()].find((name) => !KNOWN.includes(name))
  if (unknown !== undefined) throw invalid(`has an unknown parameter ${unknown}; there are ${KNOWN.join(', ')}`)
  const given = (name: string) => parameters.get(name) || undefined
  const location = given('location')
  if (location !== undefined && !LOCATION.test(location)) throw invalid('has a location that is none, as EU is one')
  const keyFile = given('key_file')
  const endpoint = given('endpoint') ?? bigqueryEndpoint
  if (endpoint !== undefined) assertEndpoint(endpoint, keyFile !== undefined)
  return { project, dataset, location, keyFile, endpoint: endpoint?.replace(/\/+$/, '') }
}

/** Where requests go. */
export function endpointOf({ endpoint }: BigQueryAddress): string {
  return endpoint ?? GOOGLE
}

/** An address for messages, without the path of a key. */
export function placeOf({ project, dataset, endpoint }: BigQueryAddress): string {
  return `bigquery://${project}/${dataset}${endpoint === undefined ? '' : ` at ${new URL(endpoint).host}`}`
}

function assertEndpoint(endpoint: string, hasKey: boolean): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new MixloadError('CONFIG_INVALID', 'The endpoint of BigQuery must be an http or https URL.')
  }
  if (hasKey && url.protocol === 'http:') {
    throw new MixloadError(
      'CONFIG_INVALID',
      'A key is sent to no endpoint without TLS: leave key_file out, or use https.',
    )
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('has a % that stands for nothing')
  }
}

function invalid(fault: string): MixloadError {
  return new MixloadError(
    'CONFIG_INVALID',
    `--destination: the URL ${fault}: bigquery://PROJECT/DATASET?location=EU&key_file=/path/key.json`,
  )
}
