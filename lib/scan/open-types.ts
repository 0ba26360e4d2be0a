import type { Column, ColumnType } from '../columns/column.ts'
import { kindsOf } from '../columns/registry.ts'
import { KIND } from '../columns/value-kinds.ts'

/**
 * New columns with an inferred type, while their first slice is read. Until it ends, a value that
 * does not fit makes the column fall back to the type that it would have without inference.
 */
export class OpenTypes {
  readonly #fallbacks = new Map<Column, ColumnType>()

  open(column: Column, fallback: ColumnType): void {
    this.#fallbacks.set(column, fallback)
  }

  has(column: Column): boolean {
    return this.#fallbacks.has(column)
  }

  get columns(): readonly Column[] {
    return [...this.#fallbacks.keys()]
  }

  close(column: Column): void {
    this.#fallbacks.delete(column)
  }

  /** The kinds of values that can be spooled unchanged, whichever type the column ends with. */
  accepts(column: Column): number {
    const kinds = kindsOf(column.type)
    return this.#fallbacks.get(column) === 'double' ? kinds & ~KIND.longInteger : kinds
  }

  /** The type that such a value makes the column fall back to; undefined if it keeps its type. */
  fallbackFor(column: Column, kind: number): ColumnType | undefined {
    return kind & kindsOf(column.type) ? undefined : this.#fallbacks.get(column)
  }

  /** Whether the column holds such a value, but would not after a fallback: it is kept apart. */
  isApart(column: Column, kind: number): boolean {
    return kind === KIND.longInteger && this.#fallbacks.get(column) === 'double'
  }
}
