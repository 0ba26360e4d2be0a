import { LOCAL_TIME_COLUMN } from '../columns/catalogue.ts'
import type { Column } from '../columns/column.ts'
import { MixloadError } from '../core/errors.ts'
import { type NameQuote, quoteName } from '../core/sql.ts'
import type { DestinationCapabilities, View } from '../destination/contract.ts'
import { DIALECTS, type Dialect } from './dialects.ts'
import { EVENT_COLUMNS, type EventColumn } from './event-columns.ts'

const LOCAL_TIME = LOCAL_TIME_COLUMN.name

/**
 * The view `event`: one row per event in the shape of Fivetran's connector, with local time in the
 * project's zone. Ids and persons are never null; a value of the wrong type is null. Events of the
 * future are hidden until they are due, because models depend on the newest time. `path` is that of
 * `export_latest`; `columns` are those of `export`. @throws MixloadError CONFIG_INVALID
 */
export function eventView(
  { dialect: name, nameQuote }: DestinationCapabilities,
  path: string,
  columns: readonly Column[],
  zone: string,
): View {
  const dialect = Object.hasOwn(DIALECTS, name) ? DIALECTS[name] : undefined
  if (dialect === undefined) {
    const message = `The view event is not available in this destination (${name}). Use DuckDB, Postgres or BigQuery.`
    throw new MixloadError('CONFIG_INVALID', message)
  }
  const table = new TableColumns(columns, dialect, nameQuote)
  const column = (fixed: string) => quoteName(fixed, nameQuote)
  const id = `coalesce(nullif(${column('mp_insert_id')}, ''), ${column('event_id')})`
  const time = dialect.wallClock(column('time'), zone)
  const isLocal = columns.some(({ name, role }) => role === 'fixed' && name === LOCAL_TIME)
  const entries: readonly (readonly [string, string])[] = [
    ['_fivetran_id', column('event_id')],
    ['name', column('event')],
    ['time', isLocal ? `coalesce(${dialect.wallClockOf(column(LOCAL_TIME))}, ${time})` : time],
    ['distinct_id', `coalesce(${column('distinct_id')}, '')`],
    ['insert_id', id],
    ['mp_processing_time_ms', column('mp_processing_time_ms')],
    ['properties', dialect.properties(table.properties())],
    ['_fivetran_synced', dialect.wallClock(column('_loaded_at'), 'UTC')],
    ...EVENT_COLUMNS.map((wanted) => [wanted.name, table.value(wanted)] as const),
  ]
  const list = entries.map(([alias, value]) => `  ${value} AS ${quoteName(alias, nameQuote)}`)
  const isDue = `${column('time')} IS NULL OR ${column('time')} < ${dialect.tomorrow}`
  return { name: 'event', query: `SELECT\n${list.join(',\n')}\nFROM ${path}\nWHERE ${isDue}` }
}

/** SQL for the values of properties in the columns of a table. */
class TableColumns {
  readonly #columns: readonly Column[]
  readonly #dialect: Dialect
  readonly #quote: (name: string) => string

  constructor(columns: readonly Column[], dialect: Dialect, nameQuote: NameQuote) {
    this.#columns = columns
    this.#dialect = dialect
    this.#quote = (name) => quoteName(name, nameQuote)
  }

  /** The value of a property in this type. */
  value({ property, type }: EventColumn): string {
    const dialect = this.#dialect
    const texts = [
      ...this.#columnsOf(property).map((place) => dialect.text(this.#quote(place.name), place.type)),
      ...this.#overflow().map(({ name }) => dialect.member(this.#quote(name), property)),
    ]
    const typeName = dialect.types[type]
    if (texts.length === 0) return `CAST(NULL AS ${typeName})`
    const text = texts.length === 1 ? texts[0] : `coalesce(${texts.join(', ')})`
    if (type === 'bigint') return dialect.leadingInteger(text ?? '')
    if (type === 'boolean') return `CASE lower(${text}) WHEN 'true' THEN true WHEN 'false' THEN false END`
    return `CAST(${text} AS ${typeName})`
  }

  /** All properties of an event, as the text of one JSON object. */
  properties(): string {
    const dialect = this.#dialect
    const properties = new Set(this.#columns.flatMap(({ property }) => property ?? []))
    const members = [...properties].map((property) => {
      const values = this.#columnsOf(property).map(({ name, type }) => this.#member(name, type, property))
      return values.length === 1 ? (values[0] ?? '') : `coalesce(${values.join(', ')})`
    })
    const others = this.#overflow().map((column) => {
      const name = this.#quote(column.name)
      const object = dialect.json(name, 'json')
      return `CASE WHEN ${name} IS NOT NULL THEN nullif(trim(substr(${object}, 2, length(${object}) - 2)), '') END`
    })
    return `'{' || ${dialect.joined([...members, ...others])} || '}'`
  }

  /** `"name":value`, or null if there is no value. */
  #member(column: string, type: Column['type'], property: string): string {
    const name = this.#quote(column)
    const value = column === 'time' ? this.#dialect.milliseconds(name) : name
    const json = this.#dialect.json(value, column === 'time' ? 'bigint' : type)
    return `CASE WHEN ${name} IS NOT NULL THEN ${this.#dialect.literal(`${JSON.stringify(property)}:`)} || ${json} END`
  }

  /** The columns with a property's values: its own column first, then its companion. */
  #columnsOf(property: string): readonly Column[] {
    const own = this.#columns.filter((column) => column.property === property && column.role !== 'companion')
    return own.flatMap((column) => [
      column,
      ...this.#columns.filter(({ role, owner }) => role === 'companion' && owner === column.name),
    ])
  }

  #overflow(): readonly Column[] {
    return this.#columns.filter(({ role }) => role === 'overflow')
  }
}
