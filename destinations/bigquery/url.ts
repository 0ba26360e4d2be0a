import { MixloadError } from '../../lib/core/errors.ts'
import type { DestinationOptions } from '../../lib/destination/contract.ts'

/** What a `bigquery://` URL says. */
export interface BigQueryAddress {
  readonly project: string
  readonly dataset: string
  /** Where a new dataset is kept; undefined for Google's default. */
  readonly location: string | undefined
  /** A credentials file; undefined for Application Default Credentials. */
  readonly keyFile: string | undefined
  /** An emulator or a private endpoint; undefined for Google's own. */
  readonly endpoint: string | undefined
}

const GOOGLE = 'https://bigquery.googleapis.com'
const KNOWN = ['location', 'key_file', 'endpoint']
/** cloud.google.com/resource-manager/docs/creating-managing-projects. Old ones have a domain. */
const PROJECT = /^(?:[a-z0-9.-]+:)?[a-z0-9][a-z0-9-]*$/
/** docs.cloud.google.com/bigquery/docs/datasets, "Name datasets". */
const DATASET = /^[A-Za-z0-9_]{1,1024}$/
const LOCATION = /^[A-Za-z0-9-]+$/

/**
 * Parses a URL.
 * @throws MixloadError CONFIG_INVALID saying what is wrong and what to write.
 */
export function parseUrl({
  url,
  schema,
  bigqueryEndpoint,
}: Pick<DestinationOptions, 'url' | 'schema' | 'bigqueryEndpoint'>): BigQueryAddress {
  // Not with URL, which takes the colon in the id of an old project for the start of a port.
  const [, project = '', path = '', query = ''] = /^bigquery:\/\/([^/?#]*)\/?([^?#]*)(?:\?([^#]*))?$/.exec(url) ?? []
  if (!PROJECT.test(project)) throw invalid('needs a project id')
  const dataset = path === '' ? schema : decoded(path)
  if (!DATASET.test(dataset)) {
    throw path === ''
      ? new MixloadError('CONFIG_INVALID', '--schema: the name of a BigQuery dataset has letters, digits and _ only.')
      : invalid('needs a dataset with letters, digits and _ only')
  }
  const parameters = new Map(new URLSearchParams(query))
  const unknown = [...parameters.keys()].find((name) => !KNOWN.includes(name))
  if (unknown !== undefined) throw invalid(`has an unknown parameter ${unknown}; known are ${KNOWN.join(', ')}`)
  const given = (name: string) => parameters.get(name) || undefined
  const location = given('location')
  if (location !== undefined && !LOCATION.test(location)) throw invalid('has an invalid location; write one such as EU')
  const keyFile = given('key_file')
  const endpoint = given('endpoint') ?? bigqueryEndpoint
  if (endpoint !== undefined) assertEndpoint(endpoint, keyFile !== undefined)
  return { project, dataset, location, keyFile, endpoint: endpoint?.replace(/\/+$/, '') }
}

/** Where requests are sent. */
export function endpointOf({ endpoint }: BigQueryAddress): string {
  return endpoint ?? GOOGLE
}

/** The address for messages, without the path of the key. */
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
      'mixload does not sign requests to an endpoint without TLS: leave key_file out, or use https.',
    )
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('has a % that is not followed by two hexadecimal digits')
  }
}

function invalid(fault: string): MixloadError {
  return new MixloadError(
    'CONFIG_INVALID',
    `--destination: the URL ${fault}: bigquery://PROJECT/DATASET?location=EU&key_file=/path/key.json`,
  )
}
