import type { ColumnType } from './column.ts'

/** Values of a property that do not fit its column. */
export interface Misfits {
  readonly count: number
  /** The beginning of one of them, as text. */
  readonly example: string
  /** The type of the column. */
  readonly type: ColumnType
  /** The column that has them: the companion, or `_more` if the table is full. */
  readonly in: string
}

/** Values that do not fit, by the name of the column that they do not fit into. */
export type MisfitsByColumn = Readonly<Record<string, Misfits>>

/** An example is cut off after so many characters. */
const EXAMPLE_LENGTH_MAX = 40

/** The beginning of a value, for messages. */
export function exampleOf(value: string): string {
  const characters = [...value.toWellFormed().replaceAll('\0', '\ufffd')]
  if (characters.length <= EXAMPLE_LENGTH_MAX) return characters.join('')
  return `${characters.slice(0, EXAMPLE_LENGTH_MAX).join('')}…`
}

/** The values of both together. */
export function addMisfits(before: MisfitsByColumn, more: MisfitsByColumn): MisfitsByColumn {
  const sums = new Map(Object.entries(before))
  for (const [column, misfits] of Object.entries(more)) {
    const { count = 0, ...first } = sums.get(column) ?? {}
    sums.set(column, { ...misfits, ...first, count: count + misfits.count })
  }
  return Object.fromEntries(sums)
}

/** What values of each type are. */
const NAMES: Readonly<Record<ColumnType, { readonly singular: string; readonly plural: string }>> = {
  double: { singular: 'is not a number', plural: 'are not numbers' },
  bigint: { singular: 'is not a whole number', plural: 'are not whole numbers' },
  boolean: { singular: 'is neither true nor false', plural: 'are neither true nor false' },
  timestamptz: { singular: 'is not a timestamp', plural: 'are not timestamps' },
  date: { singular: 'is not a date', plural: 'are not dates' },
  text: { singular: 'has characters that cannot be stored', plural: 'have characters that cannot be stored' },
  json: { singular: 'has characters that cannot be stored', plural: 'have characters that cannot be stored' },
}

/** Such as: `price: 12 values are not numbers, such as 'free'; see price__text`. */
export function misfitsSentence(column: string, { count, example, type, in: place }: Misfits): string {
  const { singular, plural } = NAMES[type]
  return `${column}: ${count} ${count === 1 ? `value ${singular}` : `values ${plural}`}, such as '${example}'; see ${place}`
}
