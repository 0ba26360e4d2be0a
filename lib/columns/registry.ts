import type { Column, ColumnType } from './column.ts'
import { columnName, companionName, foldName, freeName } from './naming.ts'
import { KIND } from './value-kinds.ts'

/** Which properties get columns. */
export interface ColumnRules {
  /** The most columns that a table may have, all roles counted. */
  readonly columnsMax: number
  /** What becomes of a property that has no column yet. */
  readonly newProperties: 'capture' | 'ignore'
  /** Types that the user or the catalogue gives; a property not named here takes the type of its first value. */
  readonly typeOf: (property: string) => ColumnType | undefined
  /** False for a property that the user does not want. */
  readonly isWanted: (property: string) => boolean
}

/** Where a property's values go. */
export type Placement =
  | { readonly to: 'column'; readonly column: Column }
  | { readonly to: 'overflow' }
  | { readonly to: 'nowhere' }

const OVERFLOW: Placement = { to: 'overflow' }
const NOWHERE: Placement = { to: 'nowhere' }

/** The name of the json column that takes the properties without a column. */
export const OVERFLOW_COLUMN = '_more'

/**
 * The columns of one table as they are and as a run makes them grow. Purely a matter of names and types: the same
 * columns and the same properties in the same order always give the same answers, and no answer is ever taken back, not
 * even where the lines that asked for it are thrown away: a column is made in the warehouse only when rows need it.
 */
export class ColumnRegistry {
  readonly #rules: ColumnRules
  readonly #taken = new Set<string>()
  readonly #byProperty = new Map<string, Column>()
  readonly #companions = new Map<string, Column>()
  readonly #columns: Column[] = []
  #overflow: Column | undefined

  /**
   * `existing`: what the destination's table has, or for a new table its fixed columns. `reserved`: names that no new
   * column takes.
   */
  constructor(existing: readonly Column[], rules: ColumnRules, reserved: readonly string[] = []) {
    this.#rules = rules
    for (const name of reserved) this.#taken.add(foldName(name))
    this.#taken.add(foldName(OVERFLOW_COLUMN))
    for (const column of existing) this.#keep(column)
  }

  get columns(): readonly Column[] {
    return this.#columns
  }

  /** The place of a property whose first non-null value is of this kind. Makes its column when it has none. */
  place(property: string, kind: number): Placement {
    const existing = this.#byProperty.get(property)
    if (existing?.role === 'fixed') return { to: 'column', column: existing }
    if (!this.#rules.isWanted(property)) return NOWHERE
    if (existing !== undefined) return { to: 'column', column: existing }
    if (this.#rules.newProperties === 'ignore') return NOWHERE
    if (!this.#hasRoom()) return OVERFLOW
    const type = this.#rules.typeOf(property) ?? typeOfKind(kind)
    const column: Column = { name: freeName(columnName(property), this.#taken), type, role: 'property', property }
    this.#keep(column)
    return { to: 'column', column }
  }

  /** The column for values that do not fit into `column`; undefined when the table is full and they go to the overflow. */
  companionOf(column: Column): Column | undefined {
    const existing = this.#companions.get(column.name)
    if (existing !== undefined) return existing
    if (!this.#hasRoom()) return undefined
    const name = freeName(companionName(column.name), this.#taken)
    const companion: Column = { name, type: 'text', role: 'companion', property: column.property, owner: column.name }
    this.#keep(companion)
    return companion
  }

  /** The json column for everything that has no other place. */
  overflowColumn(): Column {
    if (this.#overflow === undefined) {
      this.#keep({ name: OVERFLOW_COLUMN, type: 'json', role: 'overflow', property: null })
    }
    return this.#overflow as Column
  }

  /** One place is always left for the overflow column. */
  #hasRoom(): boolean {
    return this.#columns.length + (this.#overflow === undefined ? 1 : 0) < this.#rules.columnsMax
  }

  #keep(column: Column): void {
    this.#columns.push(column)
    this.#taken.add(foldName(column.name))
    if (column.role === 'overflow') this.#overflow = column
    else if (column.owner !== undefined) this.#companions.set(column.owner, column)
    else if (column.property !== null) this.#byProperty.set(column.property, column)
  }
}

/** The type of a column whose first value is of this kind. Integers beyond 2^53 are text, so that no digit is lost. */
export function typeOfKind(kind: number): ColumnType {
  if (kind & (KIND.integer | KIND.double)) return 'double'
  if (kind & KIND.boolean) return 'boolean'
  if (kind & (KIND.json | KIND.preciseJson | KIND.loneJson)) return 'json'
  return 'text'
}

/** The kinds of value that a column of this type holds exactly and the engine reads as they stand in a line. */
export function kindsOf(type: ColumnType): number {
  switch (type) {
    case 'text':
      return KIND.null | KIND.text
    case 'double':
      return KIND.null | KIND.integer | KIND.double
    case 'bigint':
      return KIND.null | KIND.integer | KIND.longInteger
    case 'boolean':
      return KIND.null | KIND.boolean
    case 'json':
      return KIND.null | KIND.text | KIND.integer | KIND.longInteger | KIND.double | KIND.boolean | KIND.json
    // Texts must be looked at one by one.
    case 'timestamptz':
    case 'date':
      return KIND.null
  }
}
