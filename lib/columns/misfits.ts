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
const NAMES: Readonly<Record<ColumnType, { readonly one: string; readonly many: string }>> = {
  double: { one: 'is not a number', many: 'are not numbers' },
  bigint: { one: 'is not a whole number', many: 'are not whole numbers' },
  boolean: { one: 'is neither true nor false', many: 'are neither true nor false' },
  timestamptz: { one: 'is not a timestamp', many: 'are not timestamps' },
  date: { one: 'is not a date', many: 'are not dates' },
  text: { one: 'has characters that cannot be stored', many: 'have characters that cannot be stored' },
  json: { one: 'has characters that cannot be stored', many: 'have characters that cannot be stored' },
}

/** Such as: `price: 12 values are not numbers, such as 'free'; see price__text`. */
export function misfitsSentence(column: string, { count, example, type, in: place }: Misfits): string {
  const { one, many } = NAMES[type]
  return `${column}: ${count} ${count === 1 ? `value ${one}` : `values ${many}`}, such as '${example}'; see ${place}`
}
