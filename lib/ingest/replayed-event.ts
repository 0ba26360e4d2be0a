import type { Column } from '../columns/column.ts'
import { OVERFLOW_COLUMN } from '../columns/registry.ts'
import { isRaw, numberOfRaw, parseLossless } from '../core/lossless-json.ts'
import { recordJson } from './property-values.ts'

/** Properties that Mixpanel makes itself when it takes an event in, so that they mean nothing in another project. */
const MADE_BY_MIXPANEL = new Set([
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

/** Whole numbers of more digits than JavaScript keeps. */
const LONG_NUMBER = /\d{16}/

/** Makes events again of rows of the table `export`, or of its views, given as the JSON of an object by column name. */
export class Replay {
  readonly #columns: ReadonlyMap<string, Column>

  /** `columns`: those that the table has. */
  constructor(columns: readonly Column[]) {
    this.#columns = new Map(columns.map((column) => [column.name, column]))
  }

  /**
   * The JSON of a row's event. Properties have their own names again, and what is in companion columns and in `_more` is
   * back in its place; a column that the table has not is a property of its own name. The person is the one that the event
   * came with, so that a replay after a merge is the same as one before.
   */
  event(row: string): string {
    const values = (LONG_NUMBER.test(row) ? parseLossless(row) : JSON.parse(row)) as Readonly<Record<string, unknown>>
    let event: unknown
    let before: unknown
    // No object, where a property called __proto__ would be lost.
    const properties = new Map<string, unknown>()
    const misfits: [string, unknown][] = []
    for (const [name, value] of Object.entries(values)) {
      if (value === null) continue
      const column = this.#columns.get(name)
      const property = column === undefined ? ownName(name) : column.property
      if (name === OVERFLOW_COLUMN) misfits.push(...overflowEntries(value))
      else if (column?.role === 'companion') misfits.push([property ?? EXACT_EVENT, this.#misfit(column, value)])
      else if (column?.role === 'fixed' && name === 'event') event = value
      else if (property === '$distinct_id_before_identity') before = value
      else if (property !== null) properties.set(property, restored(column, value))
    }
    // These stand in the row beside a value that is cut, or beside none.
    for (const [property, value] of misfits) {
      if (property === EXACT_EVENT) event = value
      else properties.set(property, value)
    }
    for (const name of MADE_BY_MIXPANEL) properties.delete(name)
    properties.set('distinct_id', before ?? properties.get('distinct_id') ?? '')
    return recordJson({ event: event ?? '', properties: Object.fromEntries(properties) })
  }

  /** The value of a companion: the characters of a text, or the JSON of anything else; which of them, its owner's type tells. */
  #misfit(column: Column, value: unknown): unknown {
    if (typeof value !== 'string') return value
    const parsed = parsedJson(value)
    if (parsed === undefined) return value
    // A number that fits is in the owner; so one that is here was a text, or has too many digits.
    const owner = column.owner === undefined ? undefined : this.#columns.get(column.owner)
    const isNumeric = owner?.type === 'double' || owner?.type === 'bigint' || owner?.property === 'time'
    return isNumeric && numberOfRaw(parsed) !== undefined && !LONG_NUMBER.test(value) ? value : parsed
  }
}

/** In the overflow, beside a property that may be called event. */
const EXACT_EVENT = '../event'

/** A computed column is a property, unless it has a name as mixload's own columns have. */
function ownName(name: string): string | null {
  return name.startsWith('_') ? null : name
}

function overflowEntries(value: unknown): [string, unknown][] {
  const object: unknown = typeof value === 'string' ? parsedJson(value) : value
  if (typeof object !== 'object' || object === null || isRaw(object)) return []
  // The last of two properties of one name counts; the others are kept for people only.
  return Object.entries(object).filter(([name]) => !name.endsWith(' (superseded)'))
}

function restored(column: Column | undefined, value: unknown): unknown {
  if (column?.type !== 'timestamptz' || typeof value !== 'string') return value
  const ms = momentOf(value)
  if (Number.isNaN(ms)) return value
  if (column.property === 'time') return ms
  // As Mixpanel writes dates: UTC, without a zone.
  const iso = new Date(ms).toISOString()
  return ms % 1000 === 0 ? iso.slice(0, 19) : iso.slice(0, 23)
}

/** The milliseconds of a moment as warehouses write it, such as `2026-08-31 12:00:00.5+00`. */
function momentOf(text: string): number {
  const iso = text.replace(' ', 'T').replace(/ ?UTC$/, 'Z')
  return Date.parse(iso.replace(/([+-]\d{2})$/, '$1:00'))
}

function parsedJson(text: string): unknown {
  try {
    return parseLossless(text)
  } catch {
    return undefined
  }
}
