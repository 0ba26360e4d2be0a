import { fixed } from '../columns/catalogue.ts'
import type { Column } from '../columns/column.ts'
import { quoteName, quoteText } from '../core/sql.ts'

/** The table of profile changes. The view `engage_history` shows them as states with times. */
export const CHANGES_TABLE = 'engage_changes'

/** The first columns of the table of changes; those of the profiles follow. */
export const CHANGE_COLUMNS = [
  fixed('distinct_id', 'text', 'Profile that has changed'),
  fixed('_change', 'text', 'new, changed or gone'),
  fixed('_changed_at', 'timestamptz', 'When mixload saw the change: Mixpanel does not report when it happened'),
  fixed('_hash', 'text', 'MD5 of all of its properties; empty if it is gone'),
  fixed('_loaded_at', 'timestamptz', 'When the load was committed'),
  fixed('_load_id', 'text', 'Load that brought the row: see _mixload_loads'),
] as const

/** Names that the table of changes needs, so that no property column may take them. */
export const CHANGE_NAMES: readonly string[] = [...CHANGE_COLUMNS.map(({ name }) => name), 'valid_from', 'valid_to']

/** A query on the engine for the current profiles, each once. */
export interface Profiles {
  readonly query: string
  /** `distinct_id` and the property columns; empty if there are no profiles. */
  readonly columns: readonly Column[]
}

const NO_PROFILES = "SELECT '' AS distinct_id WHERE false"

/**
 * A query for the new rows of `engage_changes`: with properties for a new or changed profile,
 * without for one that is gone. `before` is a query for `distinct_id` and `_hash` of the last
 * load's profiles.
 */
export function changesQuery(
  now: Profiles,
  before: string,
  seenAt: Date,
): { readonly query: string; readonly columns: readonly Column[] } {
  const properties = now.columns.filter(({ role }) => role !== 'fixed')
  const fixed = CHANGE_COLUMNS.filter(({ name }) => name !== '_loaded_at' && name !== '_load_id')
  const list = properties.map(({ name }) => `, __now.${quoteName(name)}`).join('')
  return {
    columns: [...fixed, ...properties],
    query: `SELECT
  coalesce(__now.distinct_id, __before.distinct_id) AS distinct_id,
  CASE WHEN __before.distinct_id IS NULL THEN 'new' WHEN __now.distinct_id IS NULL THEN 'gone' ELSE 'changed' END AS _change,
  TIMESTAMPTZ ${quoteText(seenAt.toISOString())} AS _changed_at,
  coalesce(__now._hash, '') AS _hash${list}
FROM (SELECT *, ${hashOf(properties)} AS _hash FROM (${now.columns.length === 0 ? NO_PROFILES : now.query})) AS __now
FULL JOIN (${before}) AS __before ON __before.distinct_id = __now.distinct_id
WHERE __before._hash IS DISTINCT FROM __now._hash`,
  }
}

/** A hash of the values that are not null, independent of the number and order of columns. */
function hashOf(properties: readonly Column[]): string {
  const parts = properties
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name }) => `${quoteText(`${name}=`)} || CAST(${quoteName(name)} AS VARCHAR)`)
  return parts.length === 0 ? "md5('')" : `md5(concat_ws(chr(31), ${parts.join(', ')}))`
}
