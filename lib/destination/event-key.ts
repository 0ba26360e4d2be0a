/**
 * The key of an event: rows with the same key are copies of one event. It is Mixpanel's own rule:
 * name, person before identity management, time and `$insert_id` (mixpanel.com/docs, "Event
 * Deduplication"). The time counts to the second, because exports and files may lack milliseconds.
 */

import { type Column, columnOfProperty } from '../columns/column.ts'
import { sqlText } from '../core/sql-files.ts'

/** The properties that may hold the person of an event, the first person first. */
const PERSONS = ['$distinct_id_before_identity', '$preshuffle_distinct_id', 'distinct_id']

/** What the SQL for the id of an event is made of. */
export interface EventKeyParts {
  /** The second of the event, as an integer. */
  readonly second: string
  /** The `$insert_id`, which is neither null nor empty. */
  readonly insertId: string
  /** The SQL for the value of a column; undefined if no row has one. */
  readonly sqlOf: (column: Column) => string | undefined
}

/** The SQL for the `event_id` of events with an `$insert_id`. */
export function eventIdOf(
  dialect: string,
  columns: readonly Column[],
  { second, insertId, sqlOf }: EventKeyParts,
): string {
  const found = personColumns(columns).flatMap((column) => sqlOf(column) ?? [])
  const persons = found.map((value) => `nullif(${value}, '')`)
  const person = persons.length === 0 ? "''" : `coalesce(${persons.join(', ')}, '')`
  return sqlText(dialect, 'event_id', { second, person, insert_id: insertId }).trim()
}

/** The text columns that may hold the person of an event, the first person first. */
function personColumns(columns: readonly Column[]): readonly Column[] {
  return PERSONS.flatMap((property) => columnOfProperty(columns, property, 'text') ?? [])
}

/** Those that an event has only if Mixpanel has moved it to the person in `distinct_id`. */
export function earlierPersonColumns(columns: readonly Column[]): readonly Column[] {
  return personColumns(columns).filter(({ property }) => property !== 'distinct_id')
}
