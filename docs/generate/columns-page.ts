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
import { VALUE_EXAMPLES, type ValueExample } from './value-examples.ts'

const TYPE_MEANINGS: Readonly<Record<(typeof COLUMN_TYPES)[number], string>> = {
  text: 'Strings. Anything else as its JSON.',
  double: 'Numbers that a double represents digit for digit; integers up to 2^53.',
  boolean: '`true` and `false`.',
  json: 'Any JSON value. No digit of a number is lost, though 1.10 may be written as 1.1.',
  timestamptz:
    'Dates and timestamps in the form that Mixpanel writes. Without a time zone they are UTC. If the type was inferred: only timestamps with an offset.',
  bigint: '64-bit integers.',
  date: 'The UTC day of such a date or timestamp. If the type was inferred: only dates.',
}

/** `docs/columns.md`: how columns are named and typed, and the properties that are known. */
export function columnsPage(): string {
  const typeRows = COLUMN_TYPES.map((type) => [code(type), code(ENGINE_TYPES[type]), TYPE_MEANINGS[type]])
  return page(
    '# Columns',
    `Every event becomes a row, and every property a column. The same is true for profiles and for all other objects that
Mixpanel returns. A table starts with its fixed columns. A property gets its column with its first value that is not null,
before the rows that use it are committed. The name and type of the column are kept in ${code('_mixload_columns')}, so they are
the same in every later run. **A column is never renamed, retyped or dropped.**`,
    '## Types',
    table(['Type', 'In DuckDB', 'Holds'], typeRows),
    `The type of a column comes from the setting ${code('columns')}, else from the [catalogue](#known-properties), else from the
property's first value:`,
    table(
      ['First value', 'Type'],
      [
        ['A string', code('text')],
        ['A number', code('double')],
        ['An integer beyond 2^53', `${code('text')}, so that no digit is lost`],
        ['`true` or `false`', code('boolean')],
        ['A list or an object', code('json')],
      ],
    ),
    `A string stays text, even if it looks like a date or a number. \`null\` and a missing property are both null.`,
    '### Inferred types',
    `With ${code('--infer-types')}, a new property gets one of these types instead if **all** its values in the first slice
that has it, such as its first day, have this form:`,
    table(
      ['Values', 'Type'],
      [
        [`Strings with a date of the years 1 to 9999: ${code('2026-08-03')}`, code('date')],
        [
          `Strings with a date, a time and an offset from UTC: ${code('2026-08-03T10:20:30Z')}, ${code('2026-08-03 10:20:30.123456+02:00')}`,
          code('timestamptz'),
        ],
        [`Numbers without a fraction or an exponent that 64 bits hold: ${code('42')}`, code('bigint')],
      ],
    ),
    `A timestamp keeps its moment, but not the offset that it was written with. A time without an offset stays text, because
its zone is unknown, and so does a number in quotes. If a single value has another form, the column has the type of its
first value, as without the setting.`,
    `Later values that do not have the column's form go to its [companion column](#a-value-that-does-not-fit). So a price
that is whole on its first day becomes ${code('bigint')}, and ${code('12.50')} on the second day goes to
${code(companionName('price'))}. Give such properties their type in the setting ${code('columns')}:
[decision 0024](decisions/0024-inferred-types-are-off-by-default.md) has figures.`,
    '## A value that does not fit',
    `A value that does not fit its column goes, as text, to the **companion column**: ${code(companionName('price'))} next to
${code('price')}. The column itself is null in that row. The companion column is created when it is first needed.`,
    `\`text\` and \`json\` columns take every value, with one exception. A string that contains NUL or half of a surrogate
pair cannot be stored in every warehouse. The column then has U+FFFD in its place, and ${code(companionName('name'))} has the JSON as
it was sent.`,
    `${code(companionName('time'))} has a ${code('time')} that is not a number of whole milliseconds. The row is kept. Its ${code('time')} is null if the text
does not stand for a moment: see [time](time.md).`,
    `## Names`,
    `1. A leading ${code('$')} becomes ${code('mp_')}, and so does a leading ${code('$mp_')}.
2. Letters become lower case. Each run of characters that are neither letters nor digits, of any script, becomes one
   ${code('_')}. There is none at the end, and one at the beginning only if the property begins with ${code('_')}.
3. A name that would begin with a digit, or with a prefix that BigQuery reserves (${code('_table_')}, ${code('_partition')} and others),
   gets a ${code('_')} in front.
4. A name has at most ${NAME_BYTES_MAX} bytes. A longer one is cut and ends in a hash of the whole name.
5. A name that another property already has, ignoring case, gets ${code('_2')}, ${code('_3')} and so on. So does the name of a
   fixed column and, in Postgres, of a system column such as ${code('xmin')}.`,
    table(
      ['Property', 'Column'],
      [...examplesOfNames()].map(([property, column]) => [code(property), code(column)]),
    ),
    `A column never changes its name: those that earlier versions have made keep theirs, such as
${code('mp_mp_api_timestamp_ms')} for ${code('$mp_api_timestamp_ms')}.`,
    `Which of two properties gets the plain name depends on which came first. Look up the column of a property:`,
    fence('sql', `SELECT column_name, column_type FROM mixpanel._mixload_columns WHERE property = 'Plan'`),
    '## Values in other places',
    `The following queries find them. Where only one is shown, it is the same everywhere. Columns such as ${code('price__text')},
${code('plan_3')} and ${code(OVERFLOW_COLUMN)} exist only once they are needed: leave out those that your table does not have.`,
    ...VALUE_EXAMPLES.flatMap(({ title, queries }) => [title, fence('sql', exampleText(queries))]),
    `With dbt, the macro [mixload.properties](dbt.md#properties-as-columns) writes such expressions. ${code('mixload status')} and the end of
a run name the columns whose values did not fit, such as
\`price: 12 values are not numbers, such as 'free'; see price__text\`. To give a column another type from the start, set
${code('columns')} before its first value is loaded.`,
    '## Comments',
    `DuckDB, Postgres and BigQuery show what each table, view and column holds: in ${code('information_schema')}, in ${code('\\d+')} of psql, in
BigQuery's console and in BI tools. A comment on a column has the description of this page, the property, the day it was
first seen, and the companion column if there is one:`,
    fence(
      'sql',
      `SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'export_latest';
-- City, from the address or coordinates. Property $city. First seen 2026-08-03.
-- Property price. First seen 2026-08-03. Values that do not fit are in price__text, as text.`,
    ),
    `- A run writes the comments that are missing when all of its streams are loaded. It leaves those that you have changed.
- ${code('mixload views')} writes all comments again.
- With ${code('--lexicon')} (or ${code('lexicon: true')}), properties are described in the words of Mixpanel's Lexicon, where it has any. That takes
  one request, and none if no comment is missing. It needs a service account.
- If comments cannot be written, or the Lexicon cannot be read, the run warns and succeeds.
- Parquet files have no comments, and neither have the views over them.`,
    '## Fixed columns',
    `Every ${code('export')} table has these columns, in this order. ${code(LOCAL_TIME_COLUMN.name)} is there only with
${code('--legacy-time')}. They do not count as new properties, and selecting properties does not affect them.`,
    fixedColumns([...EXPORT_COLUMNS, LOCAL_TIME_COLUMN]),
    '## Fixed columns of the other tables',
    `Whatever else Mixpanel returns about these gets columns in the same way as properties of events do.
[Tables](tables.md) says what a row of each table is. Tables of group profiles, ${code('group_NAME')}, are like ${code('engage')}.`,
    ...OTHER_TABLES.flatMap(({ name, columns }) => [`### ${code(name)}`, fixedColumns(columns)]),
    `## ${code(OVERFLOW_COLUMN)}`,
    `When a table has as many columns as ${code('maxColumns')} allows, counting all kinds, further properties go to the **overflow
column** ${code(OVERFLOW_COLUMN)}, a ${code('json')} column, under their own names. They stay there. If a later run allows more columns, it
creates columns for them from then on, but moves nothing. Days that are read again then get new rows with the columns
filled.`,
    `${code(OVERFLOW_COLUMN)} also takes a value whose key appears again later in the same line, as ${code('NAME (superseded)')}. Of equal
keys the last one counts. A property that is really called so, or whose name begins with ${code('../')}, has ${code(' (property)')} behind its name in ${code(OVERFLOW_COLUMN)}.`,
    '## Known properties',
    `The catalogue gives these properties their type before a value is seen. Any other property is treated in the same way,
with the type of its first value. A property in this list has a column only once it has been sent.`,
    knownProperties(EVENT_PROPERTIES),
    'Properties of profiles:',
    knownProperties(PROFILE_PROPERTIES),
  )
}

/** The queries of an example, with the name of the dialect before each if they differ. */
function exampleText(queries: ValueExample['queries']): string {
  const byText = Map.groupBy(Object.entries(queries), ([, query]) => query)
  if (byText.size === 1) return [...byText.keys()].join('')
  return [...byText].map(([query, named]) => `-- ${named.map(([name]) => name).join(', ')}\n${query};`).join('\n\n')
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

/** Properties in the order in which they appear, each with its column. */
function* examplesOfNames(): Generator<readonly [string, string]> {
  const taken = new Set<string>()
  for (const property of [
    'Plan',
    'plan',
    '$city',
    '$mp_api_timestamp_ms',
    'Order  Total (€)',
    '2nd visit',
    'größe',
    'заказ',
    'x'.repeat(70),
  ]) {
    const column = freeName(columnName(property), taken)
    taken.add(column)
    yield [property, column]
  }
}
