import {
  type CatalogueEntry,
  EVENT_PROPERTIES,
  EXPORT_COLUMNS,
  type FixedColumn,
  LOCAL_TIME_COLUMN,
} from '../../lib/columns/catalogue.ts'
import { COLUMN_TYPES } from '../../lib/columns/column.ts'
import { columnName, companionName, freeName, NAME_BYTES_MAX } from '../../lib/columns/naming.ts'
import { PROFILE_PROPERTIES } from '../../lib/columns/profile-catalogue.ts'
import { OVERFLOW_COLUMN } from '../../lib/columns/registry.ts'
import { ENGINE_TYPES } from '../../lib/engine/dialect.ts'
import { ANNOTATIONS_STREAM } from '../../lib/streams/annotations.ts'
import { COHORT_MEMBERS_STREAM } from '../../lib/streams/cohort-members.ts'
import { COHORTS_STREAM } from '../../lib/streams/cohorts.ts'
import { ENGAGE_STREAM } from '../../lib/streams/engage.ts'
import { funnelsStream } from '../../lib/streams/funnels.ts'
import { revenueStream } from '../../lib/streams/revenue.ts'

import { code, fence, page, table } from './markdown.ts'

const TYPE_MEANINGS: Readonly<Record<(typeof COLUMN_TYPES)[number], string>> = {
  text: 'texts; anything else as its JSON',
  double: 'numbers that a double gives back digit for digit, integers up to 2^53',
  boolean: '`true` and `false`',
  json: 'any JSON value; no digit of a number gets lost, though 1.10 may be written 1.1',
  timestamptz: 'dates and moments as Mixpanel writes them; without a zone they are UTC',
  bigint: 'integers of 64 bits',
  date: 'the UTC day of such a date or moment',
}

/** `docs/columns.md`: how columns are named and typed, and the properties that are known. */
export function columnsPage(): string {
  const typeRows = COLUMN_TYPES.map((type) => [code(type), code(ENGINE_TYPES[type]), TYPE_MEANINGS[type]])
  return page(
    '# Columns',
    `Every event is a row, every property a column; so it is with profiles, and with whatever else Mixpanel tells in objects. A table begins with the fixed columns; a property gets its column with
its first value that is not null, before the rows that use it are committed. The column's name and type are kept in
${code('_mixload_columns')}, so they are the same in every later run. **A column is never renamed, retyped or dropped.**`,
    '## Types',
    table(['Type', 'In DuckDB', 'Holds'], typeRows),
    `The type of a column is, in this order: what the setting ${code('columns')} says; what the
[catalogue](#known-properties) says; what the property's first value is:`,
    table(
      ['First value', 'Type'],
      [
        ['a text', code('text')],
        ['a number', code('double')],
        ['an integer beyond 2^53', `${code('text')}, so that no digit is lost`],
        ['`true` or `false`', code('boolean')],
        ['a list or an object', code('json')],
      ],
    ),
    `A text stays a text, also where it looks like a date or a number. \`null\` and a property that is not there are both
null.`,
    '## A value that does not fit',
    `goes as text to the companion of its column, ${code(companionName('price'))} beside ${code('price')}; the column itself is
null in that row. The companion is made when it is first needed. \`text\` and \`json\` columns take every value, so they
need one only for a text with NUL or half of a surrogate pair in it, which not every warehouse can carry: the column then
has U+FFFD in their place, and ${code(companionName('name'))} the JSON as it was sent.`,
    `${code(companionName('time'))} has a ${code('time')} that is no moment. The row is kept, and its ${code('time')} is null.`,
    `## Names`,
    `1. A leading ${code('$')} becomes ${code('mp_')}.
2. Letters become lower-case; each run of characters that are neither letters nor digits, of any script, becomes one
   ${code('_')}.
3. A name that would begin with a digit, or as BigQuery's own names do (${code('_table_')}, ${code('_partition')} and others), gets ${code('_')} before it.
4. A name has at most ${NAME_BYTES_MAX} bytes; a longer one is cut and ends in a hash of the whole.
5. A name that another property has already, whatever the case, gets ${code('_2')}, ${code('_3')} and so on.`,
    table(
      ['Property', 'Column'],
      [...examplesOfNames()].map(([property, column]) => [code(property), code(column)]),
    ),
    `Which of two properties gets the name and which the number depends on which came first. Look it up by the property:`,
    fence('sql', `SELECT column_name, column_type FROM mixpanel._mixload_columns WHERE property = 'Plan'`),
    '## Fixed columns',
    `Every ${code('export')} table has these, in this order, but for ${code(LOCAL_TIME_COLUMN.name)}, which is there only with
${code('--legacy-time')}. They do not count as new properties, and property selection leaves them alone.`,
    fixedColumns([...EXPORT_COLUMNS, LOCAL_TIME_COLUMN]),
    '## Fixed columns of the other tables',
    `Whatever else Mixpanel tells of them gets columns as properties of events do.
[Tables](tables.md) says what a row of each is. Tables of group profiles, ${code('group_NAME')}, are as ${code('engage')}.`,
    ...OTHER_TABLES.flatMap(({ name, columns }) => [`### ${code(name)}`, fixedColumns(columns)]),
    `## ${code(OVERFLOW_COLUMN)}`,
    `When a table has as many columns as ${code('maxColumns')} allows (all kinds counted), further properties go to one \`json\`
column, ${code(OVERFLOW_COLUMN)}, by their own names. They stay there: a later run with more columns allowed makes columns for them from then
on, but moves nothing. ${code(OVERFLOW_COLUMN)} also takes a value that is superseded because its key stands in the line
again, as ${code('NAME (superseded)')}: of equal keys the last one counts.`,
    '## Known properties',
    `These are given their type before a value is seen; a property of another name is treated in the same way, with the type
of its first value. A property in this list has a column only once it has been sent.`,
    knownProperties(EVENT_PROPERTIES),
    'Of profiles:',
    knownProperties(PROFILE_PROPERTIES),
  )
}

/** The tables of all streams but `export`. */
const OTHER_TABLES = [
  ENGAGE_STREAM,
  COHORTS_STREAM,
  COHORT_MEMBERS_STREAM,
  ANNOTATIONS_STREAM,
  funnelsStream(),
  revenueStream(),
].flatMap(({ tables }) => tables)

function fixedColumns(columns: readonly FixedColumn[]): string {
  return table(
    ['Column', 'Type', 'Property', 'Holds'],
    columns.map(({ name, type, property, description }) => [
      code(name),
      code(type),
      property === null ? '' : code(property),
      description,
    ]),
  )
}

function knownProperties(properties: Readonly<Record<string, CatalogueEntry>>): string {
  return table(
    ['Property', 'Column', 'Type', 'Holds'],
    Object.entries(properties).map(([property, { type, description }]) => [
      code(property),
      code(columnName(property)),
      type === undefined ? 'of its first value' : code(type),
      description,
    ]),
  )
}

/** Properties in the order of meeting, each with the column that it gets. */
function* examplesOfNames(): Generator<readonly [string, string]> {
  const taken = new Set<string>()
  for (const property of ['Plan', 'plan', '$city', 'Order  Total (€)', '2nd visit', 'größe', 'заказ', 'x'.repeat(70)]) {
    const column = freeName(columnName(property), taken)
    taken.add(column)
    yield [property, column]
  }
}
