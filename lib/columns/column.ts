/** The types a column can have; each destination says what it calls them. */
export const COLUMN_TYPES = ['text', 'double', 'boolean', 'json', 'timestamptz', 'bigint', 'date'] as const

/** What a column can hold, by the same name in every destination. */
export type ColumnType = (typeof COLUMN_TYPES)[number]

/**
 * Why a column is there:
 * - `fixed`: mixload makes it with the table;
 * - `property`: it holds a property's values of its own type;
 * - `companion`: it holds, as text, the values of a property that do not fit the property's column;
 * - `overflow`: it holds the properties that have no column, as one json object.
 */
export type ColumnRole = 'fixed' | 'property' | 'companion' | 'overflow'

/** A column of a table. Once made, neither its name nor its type ever changes. */
export interface Column {
  readonly name: string
  readonly type: ColumnType
  readonly role: ColumnRole
  /** The property whose values it holds, as Mixpanel spells it; null for columns of mixload's own. */
  readonly property: string | null
  /** Of a companion: the name of the column whose misfits it takes. */
  readonly owner?: string
}
