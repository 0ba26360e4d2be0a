import type { Column } from '../../../lib/columns/column.ts'
import { quoteName } from '../../../lib/core/sql.ts'

/** The earliest day that the server can store. */
const FIRST_DAY = "'4714-11-24 (BC)'"

/**
 * A sign of a number that is too long for a numeric, which has 131,072 digits before the point and
 * 16,383 after it. This quick search leaves very few texts for the exact one (500,000 rows with
 * three such columns: 0.1 s).
 */
const MANY_DIGITS = "'[0-9]{1000}'"
const FAR_POINT = "'[0-9][eE][+-]?[0-9]{5}'"
/** A text within JSON, or a long number outside of texts. */
const TEXT_OR_LONG_NUMBER = String.raw`'("(?:[^"\\]|\\.)*")|(-?[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]{5,}|-?[0-9.]*[0-9]{1000,}[0-9.]*(?:[eE][+-]?[0-9]+)?)'`

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

/** JSON has no raw control characters, so they can mark where quotation marks must go. */
function clampedJson(column: string): string {
  const marked = `regexp_replace(${column}, ${TEXT_OR_LONG_NUMBER}, '\\1' || chr(2) || '\\2' || chr(2), 'g')`
  // After a text there is nothing between the marks.
  const quoted = `replace(replace(${marked}, chr(2) || chr(2), ''), chr(2), '"')`
  const isSuspect = `regexp_matches(${column}, ${FAR_POINT}) OR (length(${column}) > 1000 AND regexp_matches(${column}, ${MANY_DIGITS}))`
  return `CASE WHEN ${isSuspect} THEN ${quoted} ELSE ${column} END`
}
