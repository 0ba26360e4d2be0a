/** The most rows of a kind, such as rejects: a number, or a percentage of all rows. */
export interface RowLimit {
  readonly kind: 'rows' | 'percent'
  readonly most: number
}

/** The form that {@link parseRowLimit} accepts: a number, or a share of at most 100%. */
export const ROW_LIMIT = /^(?:\d{1,15}|100(?:\.0+)?%|\d{1,2}(?:\.\d+)?%)$/

/** Parses `100` as a number of rows and `0.5%` as a percentage. */
export function parseRowLimit(text: string): RowLimit {
  return { kind: text.endsWith('%') ? 'percent' : 'rows', most: Number(text.replace('%', '')) }
}

/** Whether `count` of `all` rows are more than allowed. `earlier` rows count only for a number. */
export function exceeds({ kind, most }: RowLimit, count: number, all: number, earlier = 0): boolean {
  if (count === 0) return false
  return kind === 'rows' ? earlier + count > most : count * 100 > most * all
}
