import type { Column, ColumnType } from '../columns/column.ts'
import { quoteName, quoteText } from '../core/sql.ts'
import { hasSqlText, sqlText } from '../core/sql-files.ts'
import type { DestinationSupports, View } from '../destination/contract.ts'

/** An event that joins two ids, by the properties that have them; where there is no other, `distinct_id` is resolved. */
interface Verb {
  readonly event: string
  readonly original: string
  readonly resolved?: string
}

/** What Mixpanel's libraries send, and what the export then has. */
const VERBS: readonly Verb[] = [
  { event: '$identify', original: '$anon_id', resolved: '$identified_id' },
  { event: '$identify', original: '$anon_distinct_id', resolved: '$identified_id' },
  { event: '$create_alias', original: 'alias' },
]

/** The property of `$merge` that lists the ids. */
const MERGED = '$distinct_ids'

/** The view from original to resolved ids over a table of events, made of those columns that there are. */
export function identitiesView(
  { dialect, nameQuote }: DestinationSupports,
  table: string,
  columns: readonly Column[],
): View {
  const column = (property: string | undefined, type: ColumnType) => {
    const found = columns.find((one) => one.property === property && one.type === type && one.role !== 'companion')
    return found === undefined ? undefined : quoteName(found.name, nameQuote)
  }
  const said = [sqlText(dialect, 'identity_rekeyed', { table })]
  for (const verb of VERBS) {
    const original = column(verb.original, 'text')
    if (original === undefined) continue
    const resolved = [column(verb.resolved, 'text'), 'distinct_id'].filter((name) => name !== undefined)
    const values = resolved.map((name) => `nullif(${name}, '')`).join(', ')
    said.push(sqlText(dialect, 'identity_verb', { table, event: quoteText(verb.event), original, resolved: values }))
  }
  const ids = column(MERGED, 'json')
  if (ids !== undefined && hasSqlText(dialect, 'identity_merge')) {
    said.push(sqlText(dialect, 'identity_merge', { table, ids }))
  }
  const texts = said.map((text) => text.trimEnd()).join('\n  UNION ALL\n')
  return { name: 'identities', query: sqlText(dialect, 'identities', { said: texts }) }
}
