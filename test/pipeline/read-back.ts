import type { KnownColumn } from '../../lib/destination/contract.ts'
import { storableName } from '../../lib/scan/value-forms.ts'
import { canonical, decimal, parseExact } from '../conformance/exact-json.ts'

/**
 * The property's value as `{canonical}` of what was sent, or `{text}` where only the characters are
 * kept; as `{moment}`, in milliseconds, of a column of timestamps; null where there is none.
 */
export type ReadValue = { readonly canonical: string } | { readonly text: string } | { readonly moment: number } | null

/** Reads properties back from rows of a table, using only the table and its `_mixload_columns`. */
export class PropertyReader {
  readonly #columns: readonly KnownColumn[]

  constructor(columns: readonly KnownColumn[]) {
    this.#columns = columns
  }

  /** What a row says about a property. */
  read(row: Readonly<Record<string, unknown>>, property: string): ReadValue {
    const name = storableName(property)
    const exact = this.#fromOverflow(row, name)
    if (exact !== null) return exact
    const column = this.#columns.find(({ property, role }) => property === name && role !== 'companion')
    if (column === undefined) return null
    const companion = this.#columns.find((candidate) => candidate.owner === column.name)
    const misfit = companion === undefined ? null : row[companion.name]
    if (misfit !== null && misfit !== undefined) return { text: String(misfit) }
    const value = row[column.name]
    if (value === null || value === undefined) return null
    switch (column.type) {
      case 'text':
        return { text: String(value) }
      case 'json':
        return { canonical: canonical(parseExact(String(value))) }
      case 'timestamptz':
        if (column.role === 'property') return { moment: (value as Date).getTime() }
        return { canonical: decimal(String((value as Date).getTime())) }
      case 'date':
        return { text: (value as Date).toISOString().slice(0, 10) }
      case 'double':
        return { canonical: decimal(String(value)) }
      default:
        return { canonical: typeof value === 'boolean' ? String(value) : decimal(String(value)) }
    }
  }

  #fromOverflow(row: Readonly<Record<string, unknown>>, name: string): ReadValue {
    const more = row._more
    if (more === null || more === undefined) return null
    const parsed = parseExact(String(more))
    if (parsed === null || typeof parsed !== 'object' || !('object' in parsed))
      throw new TypeError('_more is not an object')
    const entry = parsed.object.findLast(([key]) => key === name)
    return entry === undefined ? null : { canonical: canonical(entry[1]) }
  }
}

/** Whether what was read is what was sent, `literal` being its JSON. */
export function isSame(read: ReadValue, literal: string): boolean {
  const sent = parseExact(literal)
  if (sent === null || read === null) return sent === null && read === null
  if ('moment' in read) return /T.*(?:Z|[+-]\d\d:\d\d)"$/.test(literal) && Date.parse(String(sent)) === read.moment
  if ('canonical' in read) return read.canonical === canonical(sent) || read.canonical === JSON.stringify(literal)
  const isStorable = typeof sent === 'string' && sent.isWellFormed() && !sent.includes('\0')
  return isStorable ? read.text === sent : read.text === literal
}
