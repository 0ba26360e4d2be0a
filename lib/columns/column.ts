/** The types of columns. Each destination maps them to its own. */
export const COLUMN_TYPES = ['text', 'double', 'boolean', 'json', 'timestamptz', 'bigint', 'date'] as const

/** The type of a column, with the same name in every destination. */
export type ColumnType = (typeof COLUMN_TYPES)[number]

/**
 * What a column is for:
 * - `fixed`: every table of its stream has it;
 * - `property`: it holds the values of a property that have the column's type;
 * - `companion`: it holds, as text, the values of a property that do not fit the property's column;
 * - `overflow`: it holds the properties without a column, as one JSON object.
 */
export type ColumnRole = 'fixed' | 'property' | 'companion' | 'overflow'

/** A column of a table. Once made, neither its name nor its type ever changes. */
export interface Column {
  readonly name: string
  readonly type: ColumnType
  readonly role: ColumnRole
  /** The property whose values it holds, as Mixpanel spells it; null if it belongs to none. */
  readonly property: string | null
  /** Of a companion: the column whose other values it holds. */
  readonly owner?: string
}

/** The column with the values of a property, if it has one of these types; never its companion. */
export function columnOfProperty(
  columns: readonly Column[],
  property: string | undefined,
  ...types: readonly ColumnType[]
): Column | undefined {
  return columns.find(
    (column) => column.property === property && types.includes(column.type) && column.role !== 'companion',
  )
}
