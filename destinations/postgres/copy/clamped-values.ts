import type { Column } from '../../../lib/columns/column.ts'
import { quoteName } from '../../../lib/core/sql.ts'

/** The earliest day that the server can store. */
const FIRST_DAY = "'4714-11-24 (BC)'"

/**
 * Signs of a number that is too long for a numeric, which has 131,072 digits before the point and
 * 16,383 after it. This quick search leaves very few texts for the exact one (500,000 rows with
 * three such columns: 0.1 s).
 */
const MANY_DIGITS = "'[0-9]{100}'"
const FAR_POINT = "'[0-9][eE][+-]?[0-9]{5}'"
/** A text within JSON, or a number with a long exponent outside of texts. */
const TEXT_OR_FAR_POINT = String.raw`("(?:[^"\\]|\\.)*")|(-?[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]{5,}`
const ALSO_MANY_DIGITS = `|-?[0-9.]*[0-9]{1000,}[0-9.]*(?:[eE][+-]?[0-9]+)?`

/**
 * The columns of a query on the engine, with the values clamped for which the server would refuse
 * the whole load: a time that is too early becomes `-infinity`, and a number in JSON that is too
 * long becomes a text. Lists all columns: the engine takes seconds to plan a `* REPLACE` of
 * hundreds of them.
 */
export function clampedColumns(columns: readonly Column[]): string {
  const clamped = columns.map(({ name, type }) => {
    const column = quoteName(name)
    if (type === 'json') return `${clampedJson(column)} AS ${column}`
    if (type !== 'timestamptz' && type !== 'date') return column
    const engineType = type === 'date' ? 'DATE' : 'TIMESTAMPTZ'
    return `CASE WHEN ${column} < ${engineType} ${FIRST_DAY} THEN '-infinity' ELSE ${column} END AS ${column}`
  })
  return clamped.join(', ')
}

function clampedJson(column: string): string {
  // The engine prepares a constant pattern for every statement and column, which takes long for one
  // that counts to 1,000. This one depends on the row, so only the very few suspects pay for it.
  const long = `concat('${TEXT_OR_FAR_POINT}${ALSO_MANY_DIGITS})', left(${column}, 0))`
  return `CASE WHEN length(${column}) > 1000 AND regexp_matches(${column}, ${MANY_DIGITS}) THEN ${quoted(column, long)}
    WHEN regexp_matches(${column}, ${FAR_POINT}) THEN ${quoted(column, `'${TEXT_OR_FAR_POINT})'`)} ELSE ${column} END`
}

/**
 * JSON with the second group of a pattern in quotation marks. JSON has no raw control characters,
 * so they can mark where these must go.
 */
function quoted(column: string, pattern: string): string {
  const marked = `regexp_replace(${column}, ${pattern}, '\\1' || chr(2) || '\\2' || chr(2), 'g')`
  // After a text there is nothing between the marks.
  return `replace(replace(${marked}, chr(2) || chr(2), ''), chr(2), '"')`
}
