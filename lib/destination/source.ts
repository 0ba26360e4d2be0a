/** Where the rows of a load come from, which decides whether loads belong into one schema. */
import { isObject, parseJson } from '../core/json.ts'

/**
 * The source of a load. The ledger stores it as JSON. A field that is undefined is not known: loads
 * of earlier versions have none of them.
 */
export interface LoadSource {
  /** Id of the project. */
  readonly project?: string | undefined
  /** A salted one-way hash of the project secret that was used, if any. */
  readonly secret?: string | undefined
  /** Where its data lives, or `local` for a server on this machine, such as the simulator. */
  readonly region?: string | undefined
  /** The time zone whose clock `time` was read by: UTC, or with `--legacy-time` the project's. */
  readonly clock?: string | undefined
  /** The project's time zone, in which its reports count days. */
  readonly timezone?: string | undefined
  /** Of profiles: the expression that they were chosen by, or empty. */
  readonly where?: string | undefined
  /** Of profiles: which properties were chosen, as text, or empty. */
  readonly properties?: string | undefined
}

const FIELDS = ['project', 'region', 'clock', 'timezone', 'where', 'properties', 'secret'] as const

/** The text of a source in the ledger. */
export function formatSource(source: LoadSource): string {
  return JSON.stringify(Object.fromEntries(FIELDS.map((field) => [field, source[field]])))
}

/** The source of a text in the ledger. Ignores what this version does not write. */
export function parseSource(text: string): LoadSource {
  const json = parseJson(text)
  if (!isObject(json)) return {}
  return Object.fromEntries(FIELDS.flatMap((field) => (typeof json[field] === 'string' ? [[field, json[field]]] : [])))
}
