/** Rows of several loads in one relation, which costs less to plan and write than one for each. */

/**
 * A further column of such a relation's query: the number of the load that a row belongs to, from
 * 1. No property is called like that, because names of columns begin with a single underscore.
 */
export const LOAD_NUMBER = '__load'

/** The SQL value of a row, from the value of each load. */
export function byLoad(values: readonly string[]): string {
  const [first = 'NULL'] = values
  return values.every((value) => value === first) ? first : `list_extract([${values.join(', ')}], ${LOAD_NUMBER})`
}
