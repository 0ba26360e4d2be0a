/** The bytes of values and names in the spool. */
import type { Column } from '../columns/column.ts'
import { kindsOf } from '../columns/registry.ts'
import { KIND, LONE_KINDS, TEXT_KINDS } from '../columns/value-kinds.ts'
import { isInstant, toInstantText } from '../time/instants.ts'

/** The name, with JSON escapes if UTF-8 cannot encode it or if it has NUL. */
export function storableName(name: string): string {
  return name.isWellFormed() && !name.includes('\0') ? name : JSON.stringify(name).slice(1, -1)
}

/**
 * The bytes of a value in its column's own form; undefined if the column cannot hold it. `isExact`:
 * whether a date or timestamp must have the column's form, rather than one that can be converted.
 */
export function valueForm(column: Column, literal: Buffer, kind: number, isExact: boolean): Buffer | undefined {
  if (kind & LONE_KINDS)
    return column.type === 'text' || column.type === 'json' ? loneForm(column, literal, kind) : undefined
  if (kind & kindsOf(column.type)) return literal
  if (column.type === 'text') return asText(literal)
  if (!isExact && isDated(column) && kind & TEXT_KINDS) {
    const text: string = JSON.parse(literal.toString())
    return isInstant(text) ? Buffer.from(JSON.stringify(toInstantText(text))) : undefined
  }
  return undefined
}

/** Whether a column's values come from texts. */
export function isDated({ type }: Column): boolean {
  return type === 'date' || type === 'timestamptz'
}

function loneForm(column: Column, literal: Buffer, kind: number): Buffer {
  const whole = repaired(literal)
  return column.type === 'text' && kind === KIND.loneJson ? asText(whole) : whole
}

/** A text as it is; anything else, and text that UTF-8 cannot encode, as a text of its JSON. */
export function companionForm(literal: Buffer, kind: number): Buffer {
  return kind & TEXT_KINDS ? literal : asText(literal)
}

/** These bytes as a JSON text. */
export function asText(literal: Buffer): Buffer {
  return Buffer.from(JSON.stringify(literal.toString()))
}

const SURROGATE_ESCAPES =
  /\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u(?:[dD][89a-fA-F][0-9a-fA-F]{2}|0000))|\\./g

/** The literal with U+FFFD instead of lone surrogates and NUL, which can only occur as escapes. */
export function repaired(literal: Buffer): Buffer {
  const text = literal.toString().replace(SURROGATE_ESCAPES, (found, lone) => (lone === undefined ? found : '\\ufffd'))
  return Buffer.from(text)
}

/** `,"name":value` for the overflow object. Values that UTF-8 cannot encode are texts of JSON. */
export function overflowEntry(name: string, literal: Buffer, kind: number): Buffer {
  const key = JSON.stringify(storableName(name))
  return Buffer.concat([Buffer.from(`,${key}:`), kind & LONE_KINDS ? asText(literal) : literal])
}
