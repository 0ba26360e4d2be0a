import { type Column, type ColumnType, columnOfProperty } from '../columns/column.ts'
import { quoteName, quoteText } from '../core/sql.ts'
import { hasSqlText, sqlText } from '../core/sql-files.ts'
import type { DestinationCapabilities, View } from '../destination/contract.ts'
import { earlierPersonColumns } from '../destination/event-key.ts'
import type { IdMerge } from '../mixpanel/id-merge.ts'

/** Events that link two ids, and the properties that have them. Default: `distinct_id`. */
const LINKING_EVENTS: readonly { event: string; original: string; resolved?: string }[] = [
  { event: '$identify', original: '$anon_id', resolved: '$identified_id' },
  { event: '$identify', original: '$anon_distinct_id', resolved: '$identified_id' },
  { event: '$create_alias', original: 'alias' },
]
const VERBS = ['$identify', '$create_alias', '$merge']

/** The property of `$merge` with the list of ids. */
const MERGED_IDS = '$distinct_ids'

/** What the texts of the view are made of. */
interface Source {
  readonly dialect: string
  /** The quoted path of the events. */
  readonly table: string
  readonly isAuto: boolean
  /** The quoted column of a property; undefined if the table has none of these types. */
  readonly column: (property: string | undefined, ...types: readonly ColumnType[]) => string | undefined
  /** The quoted columns with an earlier id of an event. */
  readonly earlier: readonly string[]
}

/**
 * The view from original to resolved ids. Uses those columns of the table that exist. `table`: the
 * quoted path of a view that has each event once, because an earlier copy of an event may not say
 * yet that Mixpanel refused it.
 */
export function identitiesView(
  capabilities: DestinationCapabilities,
  table: string,
  columns: readonly Column[],
  idMerge: IdMerge = 'auto',
): View {
  const source = sourceOf(capabilities, table, columns, idMerge === 'auto')
  const results = idMerge === 'auto' ? ['original', 'devices'] : [idMerge === 'original' ? 'original' : 'devices']
  const parts = [
    ...(idMerge === 'auto' ? [`system AS (\n${systemQuery(source)}\n)`] : []),
    ...(idMerge === 'simplified' ? [] : [originalParts(source)]),
    ...(idMerge === 'original' ? [] : [simplifiedParts(source)]),
  ]
  const result = results.map((name) => `SELECT original_id, resolved_id FROM ${name}`).join('\nUNION ALL\n')
  return { name: 'identities', query: sqlText(source.dialect, 'identities', { parts: parts.join(',\n'), result }) }
}

/** The query for how a project merges ids, by its events: one row with the column `name`. */
export function idMergeQuery(capabilities: DestinationCapabilities, table: string, columns: readonly Column[]): string {
  return systemQuery(sourceOf(capabilities, table, columns, true))
}

function sourceOf(
  { dialect, nameQuote }: DestinationCapabilities,
  table: string,
  columns: readonly Column[],
  isAuto: boolean,
): Source {
  const quote = ({ name }: Column) => quoteName(name, nameQuote)
  return {
    dialect,
    table,
    isAuto,
    column: (property, ...types) => {
      const found = columnOfProperty(columns, property, ...types)
      return found && quote(found)
    },
    earlier: earlierPersonColumns(columns).map(quote),
  }
}

function systemQuery(source: Source): string {
  const { dialect, table, earlier } = source
  const device = ['distinct_id', ...earlier].map((id) => `${id} LIKE '$device:%'`).join(' OR ')
  return sqlText(dialect, 'identity_system', { table, device, verb: acceptedVerb(source) }).trimEnd()
}

/** The condition of identity events that Mixpanel has not refused. */
function acceptedVerb({ column }: Source): string {
  const reason = column('$failure_reason', 'text')
  const verbs = `event IN (${VERBS.map(quoteText).join(', ')})`
  return reason === undefined ? verbs : `${verbs} AND coalesce(${reason}, '') = ''`
}

function originalParts(source: Source): string {
  const { dialect, table, column } = source
  const trees = (n: number) => sqlText(dialect, 'identity_trees', { n: String(n), next: String(n + 1) }).trimEnd()
  const more = { more_trees: [trees(2), trees(3)].join(',\n') }
  const labels = hasSqlText(dialect, 'identity_labels') ? sqlText(dialect, 'identity_labels', {}).trimEnd() : ''
  const named = [...LINKING_EVENTS.flatMap(({ original, resolved }) => [original, resolved]), '$failure_reason']
  const texts = [...new Set(named)].flatMap((property) => column(property, 'text') ?? [])
  const ids = column(MERGED_IDS, 'json')
  const columns = ['event', 'distinct_id', ...texts, ...(ids === undefined ? [] : [ids])].join(', ')
  return sqlText(dialect, 'identities_original', {
    moved: movedRows(source),
    verbs: sqlText(dialect, 'identity_verbs', { table, columns, verb: acceptedVerb(source) }).trimEnd(),
    statements: statements(source),
    is_system: isSystem(source, 'original'),
    trees: trees(1),
    clusters: sqlText(dialect, 'identity_clusters', { labels, ...more }).trimEnd(),
  }).trimEnd()
}

function simplifiedParts(source: Source): string {
  const { dialect } = source
  const parts = { moved: movedRows(source), pairs: pairRows(source), is_system: isSystem(source, 'simplified') }
  return sqlText(dialect, 'identities_simplified', parts).trimEnd()
}

function isSystem({ isAuto }: Source, name: string): string {
  return isAuto ? `(SELECT name FROM system) = ${quoteText(name)}` : 'true'
}

/** The links of events that Mixpanel has moved to another id. */
function movedRows({ dialect, table, earlier }: Source): string {
  const columns = earlier.length === 0 ? ["nullif('', '')"] : earlier
  return union(columns.map((original) => sqlText(dialect, 'identity_moved', { table, original })))
}

/** The links that identity events state. */
function statements({ dialect, column }: Source): string {
  const texts = LINKING_EVENTS.flatMap((link) => {
    const original = column(link.original, 'text')
    if (original === undefined) return []
    const resolved = [column(link.resolved, 'text'), 'distinct_id'].filter((name) => name !== undefined)
    const values = resolved.map((name) => `nullif(${name}, '')`).join(', ')
    return [sqlText(dialect, 'identity_verb', { event: quoteText(link.event), original, resolved: values })]
  })
  const ids = column(MERGED_IDS, 'json')
  if (ids !== undefined && hasSqlText(dialect, 'identity_merge'))
    texts.push(sqlText(dialect, 'identity_merge', { ids }))
  const none = '  SELECT distinct_id AS original_id, distinct_id AS resolved_id, linked_at FROM verbs WHERE false'
  return union(texts.length === 0 ? [none] : texts)
}

/** Devices and users that events have together. */
function pairRows({ dialect, table, column }: Source): string {
  const device = column('$device_id', 'text') ?? "nullif('', '')"
  const user = column('$user_id', 'text') ?? "nullif('', '')"
  const refused = column('$identity_failure_reason', 'text')
  const accepted = refused === undefined ? '' : ` AND coalesce(${refused}, '') = ''`
  return sqlText(dialect, 'identity_pairs', { table, device, user, accepted }).trimEnd()
}

function union(texts: readonly string[]): string {
  return texts.map((text) => text.trimEnd()).join('\n  UNION ALL\n')
}
