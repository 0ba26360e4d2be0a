import type { Column, ColumnType } from './column.ts'
import { columnName, companionName, foldName, freeName } from './naming.ts'
import { KIND, TEXT_KINDS } from './value-kinds.ts'

/** Which properties get columns. */
export interface ColumnRules {
  /** The most columns that a table may have, all roles counted. */
  readonly columnsMax: number
  /** What happens to a property without a column. */
  readonly newProperties: 'capture' | 'ignore'
  /** The type from the user or the catalogue. Without one, the first value decides. */
  readonly typeOf: (property: string) => ColumnType | undefined
  /** Whether dates, moments and whole numbers get columns of their own type. */
  readonly infersTypes?: boolean
  /** Whether the user leaves any properties out: only then is `isWanted` ever false. */
  readonly isSelective?: boolean
  /** False for a property that the user excludes. */
  readonly isWanted: (property: string) => boolean
  /** Whether mixload itself needs a property, so that it gets a column whatever the user wants. */
  readonly isNeeded?: (property: string) => boolean
}

/** Where a property's values go. */
export type Placement =
  | {
      readonly to: 'column'
      readonly column: Column
      /** Of an inferred type: the type if a value in the first slice does not fit. */
      readonly fallback?: ColumnType
    }
  | { readonly to: 'overflow' }
  | { readonly to: 'nowhere' }

const OVERFLOW: Placement = { to: 'overflow' }
const NOWHERE: Placement = { to: 'nowhere' }

/** The name of the JSON column for properties without a column. */
export const OVERFLOW_COLUMN = '_more'

/**
 * The columns of one table, existing and new. Decides only their names and types: the same columns
 * and properties in the same order always lead to the same decisions, which never change. A column
 * is added to the warehouse only when rows need it.
 */
export class ColumnRegistry {
  readonly #rules: ColumnRules
  readonly #taken = new Set<string>()
  readonly #byProperty = new Map<string, Column>()
  readonly #companions = new Map<string, Column>()
  readonly #columns: Column[] = []
  #overflow: Column | undefined

  /** `existing`: the table's columns, or a new table's fixed ones. `reserved`: names to avoid. */
  constructor(existing: readonly Column[], rules: ColumnRules, reserved: readonly string[] = []) {
    this.#rules = rules
    for (const name of reserved) this.#taken.add(foldName(name))
    this.#taken.add(foldName(OVERFLOW_COLUMN))
    for (const column of existing) this.#keep(column)
  }

  get columns(): readonly Column[] {
    return this.#columns
  }

  /** Where a property's values go. Adds missing columns. `kind`: of the first non-null value. */
  place(property: string, kind: number): Placement {
    const existing = this.#byProperty.get(property)
    if (existing?.role === 'fixed') return { to: 'column', column: existing }
    if (!this.#isKept(property)) return NOWHERE
    if (existing !== undefined) return { to: 'column', column: existing }
    const isNeeded = this.#rules.isNeeded?.(property) === true
    if (this.#rules.newProperties === 'ignore' && !isNeeded) return NOWHERE
    if (!this.#hasRoom()) return OVERFLOW
    const given = this.#rules.typeOf(property)
    const plain = typeOfKind(kind)
    const type = given ?? (this.#rules.infersTypes ? inferredType(kind) : plain)
    const column: Column = { name: freeName(columnName(property), this.#taken), type, role: 'property', property }
    this.#keep(column)
    return given === undefined && type !== plain ? { to: 'column', column, fallback: plain } : { to: 'column', column }
  }

  /** Changes the type of a column that no load has used yet. Returns what replaces the column. */
  retype(column: Column, type: ColumnType): Column {
    const at = this.#columns.indexOf(column)
    if (at < 0 || column.property === null) throw new TypeError(`${column.name} is not a column of a property`)
    const retyped: Column = { ...column, type }
    this.#columns[at] = retyped
    this.#byProperty.set(column.property, retyped)
    return retyped
  }

  /** Whether mixload, the catalogue or the user chose the type of a column, not its values. */
  hasGivenType({ role, property }: Column): boolean {
    return role === 'fixed' || (property !== null && this.#rules.typeOf(property) !== undefined)
  }

  /** Whether the user leaves properties out. */
  get isSelective(): boolean {
    return this.#rules.isSelective ?? false
  }

  /** Whether a property is wanted, or has a fixed column, which the user cannot leave out. */
  keeps(property: string): boolean {
    return this.#byProperty.get(property)?.role === 'fixed' || this.#isKept(property)
  }

  #isKept(property: string): boolean {
    return this.#rules.isWanted(property) || this.#rules.isNeeded?.(property) === true
  }

  /** The column for values that do not fit `column`; undefined if the table is full. */
  companionOf(column: Column): Column | undefined {
    const existing = this.#companions.get(column.name)
    if (existing !== undefined) return existing
    if (!this.#hasRoom()) return undefined
    const name = freeName(companionName(column.name), this.#taken)
    const companion: Column = { name, type: 'text', role: 'companion', property: column.property, owner: column.name }
    this.#keep(companion)
    return companion
  }

  /** The JSON column for everything without a column. */
  overflowColumn(): Column {
    if (this.#overflow === undefined) {
      this.#keep({ name: OVERFLOW_COLUMN, type: 'json', role: 'overflow', property: null })
    }
    return this.#overflow as Column
  }

  /** Whether another column fits, with one left for the overflow column. */
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

/** A column's type by its first value. Integers beyond 2^53 become text to keep all digits. */
export function typeOfKind(kind: number): ColumnType {
  if (kind & (KIND.integer | KIND.double)) return 'double'
  if (kind & KIND.boolean) return 'boolean'
  if (kind & (KIND.json | KIND.preciseJson | KIND.loneJson)) return 'json'
  return 'text'
}

/** A column's type by its first value, if a column may have dates, moments and whole numbers. */
function inferredType(kind: number): ColumnType {
  if (kind & KIND.date) return 'date'
  if (kind & KIND.moment) return 'timestamptz'
  return kind & (KIND.integer | KIND.longInteger) ? 'bigint' : typeOfKind(kind)
}

/** The kinds of values that a column type holds exactly and that the engine reads as they are. */
export function kindsOf(type: ColumnType): number {
  switch (type) {
    case 'text':
      return KIND.null | TEXT_KINDS
    case 'double':
      return KIND.null | KIND.integer | KIND.double
    case 'bigint':
      return KIND.null | KIND.integer | KIND.longInteger
    case 'boolean':
      return KIND.null | KIND.boolean
    case 'json':
      return KIND.null | TEXT_KINDS | KIND.integer | KIND.longInteger | KIND.double | KIND.boolean | KIND.json
    case 'timestamptz':
      return KIND.null | KIND.moment
    case 'date':
      return KIND.null | KIND.date
  }
}
