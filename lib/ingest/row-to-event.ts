import type { Column } from '../columns/column.ts'
import { readOverflowKey } from '../columns/overflow-keys.ts'
import { OVERFLOW_COLUMN } from '../columns/registry.ts'
import { KIND, numberKind } from '../columns/value-kinds.ts'
import { isRaw, losslessJson, numberOfRaw, parseLossless } from '../core/lossless-json.ts'
import { recordJson } from './property-values.ts'

/** Properties that Mixpanel adds on ingestion. They mean nothing in another project. */
const ADDED_BY_MIXPANEL = new Set([
  'mp_processing_time_ms',
  '$mp_api_timestamp_ms',
  '$mp_api_endpoint',
  '$mp_event_size',
  '$mp_is_forwarded',
  '$import',
  '$is_reshuffled',
  '$preshuffle_distinct_id',
  '$distinct_id_before_identity',
  '$identity_failure_reason',
  '$failure_reason',
  '$failure_description',
])

/** Matches whole numbers that may have more digits than JavaScript keeps. */
const LONG_NUMBER = /\d{16}/

/** Converts rows of the table `export`, or of its views, back to events. */
export class RowToEvent {
  readonly #columns: ReadonlyMap<string, Column>

  constructor(columns: readonly Column[]) {
    this.#columns = new Map(columns.map((column) => [column.name, column]))
  }

  /**
   * Returns the JSON of the event of a row, which is JSON by column name. `distinct_id` is the id
   * that the event was sent with, so that the result does not depend on later merges of ids.
   */
  convert(row: string): string {
    const values = (LONG_NUMBER.test(row) ? parseLossless(row, isInexact) : JSON.parse(row)) as Readonly<
      Record<string, unknown>
    >
    let event: unknown
    let originalId: unknown
    // A Map, because an object would lose a property named __proto__.
    const properties = new Map<string, unknown>()
    const exactValues: [string | null, unknown][] = []
    for (const [name, value] of Object.entries(values)) {
      if (value === null) continue
      const column = this.#columns.get(name)
      // A computed column is a property of its own name. Names with `_` first belong to mixload.
      const property = column === undefined && !name.startsWith('_') ? name : (column?.property ?? null)
      if (name === OVERFLOW_COLUMN) {
        for (const entry of overflowEntries(value)) exactValues.push(entry)
      } else if (column?.role === 'companion') exactValues.push([property, this.#companionValue(column, value)])
      else if (column?.role === 'fixed' && name === 'event') event = value
      else if (property === '$distinct_id_before_identity') originalId = value
      else if (property !== null) properties.set(property, restoredValue(column, value))
    }
    // They replace the value of the property's own column, which is truncated or null.
    for (const [property, value] of exactValues) {
      if (property === null) event = value
      else properties.set(property, value)
    }
    for (const name of ADDED_BY_MIXPANEL) properties.delete(name)
    properties.set('distinct_id', originalId ?? properties.get('distinct_id') ?? '')
    return recordJson({ event: event ?? '', properties: Object.fromEntries(properties) })
  }

  /** A companion holds a text or the JSON of another value, depending on its owner's type. */
  #companionValue(column: Column, value: unknown): unknown {
    if (typeof value !== 'string') return value
    const parsed = losslessJson(value)
    if (parsed === undefined) return value
    // The owner holds numbers that fit, so a short number here was sent as a text.
    const owner = column.owner === undefined ? undefined : this.#columns.get(column.owner)
    const isNumeric = owner?.type === 'double' || owner?.type === 'bigint' || owner?.property === 'time'
    return isNumeric && numberOfRaw(parsed) !== undefined && !LONG_NUMBER.test(value) ? value : parsed
  }
}

/** Whether JavaScript has another value. Some engines write whole numbers as 5.0, which is 5. */
function isInexact(_: number, source: string): boolean {
  return (numberKind(source) & (KIND.longInteger | KIND.bigNumber)) !== 0
}

/** The values in the overflow by property; null stands for the event's exact name. */
function overflowEntries(value: unknown): [string | null, unknown][] {
  const object: unknown = typeof value === 'string' ? losslessJson(value) : value
  if (typeof object !== 'object' || object === null || isRaw(object)) return []
  return Object.entries(object).flatMap(([key, member]): [string | null, unknown][] => {
    const read = readOverflowKey(key)
    // Of duplicate properties, the last one counts. The others are kept for reading only.
    if (read.kind === 'superseded') return []
    return [[read.kind === 'identity' ? null : read.property, member]]
  })
}

function restoredValue(column: Column | undefined, value: unknown): unknown {
  if (column?.type !== 'timestamptz' || typeof value !== 'string') return value
  const ms = timestampMs(value)
  if (Number.isNaN(ms)) return value
  if (column.property === 'time') return ms
  // Mixpanel writes dates in UTC without a zone.
  const iso = new Date(ms).toISOString()
  return ms % 1000 === 0 ? iso.slice(0, 19) : iso.slice(0, 23)
}

/** Parses a timestamp as warehouses write it, such as `2026-08-31 12:00:00.5+00`. */
function timestampMs(text: string): number {
  const iso = text.replace(' ', 'T').replace(/ ?UTC$/, 'Z')
  return Date.parse(iso.replace(/([+-]\d{2})$/, '$1:00'))
}
