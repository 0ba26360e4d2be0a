import { type Column, type ColumnType, columnOfProperty } from '../columns/column.ts'
import { quoteName, quoteText } from '../core/sql.ts'
import { hasSqlText, sqlText } from '../core/sql-files.ts'
import type { DestinationCapabilities, View } from '../destination/contract.ts'
import { earlierPersonColumns } from '../destination/event-key.ts'

/** Events that link two ids, and the properties that have them. Default: `distinct_id`. */
const LINKING_EVENTS: readonly { event: string; original: string; resolved?: string }[] = [
  { event: '$identify', original: '$anon_id', resolved: '$identified_id' },
  { event: '$identify', original: '$anon_distinct_id', resolved: '$identified_id' },
  { event: '$create_alias', original: 'alias' },
]

/** The property of `$merge` with the list of ids. */
const MERGED_IDS = '$distinct_ids'

/** The view from original to resolved ids. Uses those columns of the table that exist. */
export function identitiesView(
  { dialect, nameQuote }: DestinationCapabilities,
  table: string,
  columns: readonly Column[],
): View {
  const column = (property: string | undefined, type: ColumnType) => {
    const found = columnOfProperty(columns, property, type)
    return found === undefined ? undefined : quoteName(found.name, nameQuote)
  }
  const links = earlierPersonColumns(columns).map(({ name }) =>
    sqlText(dialect, 'identity_rekeyed', { table, original: quoteName(name, nameQuote) }),
  )
  for (const link of LINKING_EVENTS) {
    const original = column(link.original, 'text')
    if (original === undefined) continue
    const resolved = [column(link.resolved, 'text'), 'distinct_id'].filter((name) => name !== undefined)
    const values = resolved.map((name) => `nullif(${name}, '')`).join(', ')
    links.push(sqlText(dialect, 'identity_verb', { table, event: quoteText(link.event), original, resolved: values }))
  }
  const ids = column(MERGED_IDS, 'json')
  if (ids !== undefined && hasSqlText(dialect, 'identity_merge')) {
    links.push(sqlText(dialect, 'identity_merge', { table, ids }))
  }
  const texts = links.map((text) => text.trimEnd()).join('\n  UNION ALL\n')
  return { name: 'identities', query: sqlText(dialect, 'identities', { links: texts }) }
}
