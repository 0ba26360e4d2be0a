/** From the body of an answer to records, and from records to lines, with every digit kept. */

import { KIND, numberKind } from '../columns/value-kinds.ts'
import { MixloadError } from '../core/errors.ts'
import { isRaw, numberOfRaw, parseLossless, rawInteger } from '../core/lossless-json.ts'
import type { LineBatch } from './stream.ts'

/** A JSON object. Its numbers are as {@link parseAnswer} leaves them. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Kinds of number that JavaScript's own do not hold to the digit. */
const INEXACT = KIND.longInteger | KIND.bigNumber

/**
 * The JSON of an answer's body. A number that a double does not hold to the digit is kept as it was
 * written, for `JSON.stringify` and {@link numberOf}. `what` is how messages call the answer.
 * @throws MixloadError BODY_UNREADABLE
 */
export function parseAnswer(body: Buffer, what: string): unknown {
  const text = body.toString()
  try {
    return parseLossless(text, (_, source) => (numberKind(source) & INEXACT) !== 0)
  } catch (error) {
    throw new MixloadError('BODY_UNREADABLE', `${what}: the answer is no JSON: ${text.slice(0, 200)}`, { cause: error })
  }
}

/** Whether a value is a JSON object, and neither a list nor a number that was kept as written. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRaw(value)
}

/**
 * The nearest number to a value of {@link parseAnswer}, or to a text that is a number; undefined
 * for anything else.
 */
export function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : numberOfRaw(value)
  return Number.isFinite(number) ? number : undefined
}

const INTEGER = /^-?\d+$/

/**
 * A record in which these members, where they are texts of a whole number, are that number, to the
 * digit.
 */
export function withIntegers(record: JsonObject, members: readonly string[]): JsonObject {
  const texts = members.filter((name) => {
    const value = record[name]
    return typeof value === 'string' && INTEGER.test(value)
  })
  if (texts.length === 0) return record
  return {
    ...record,
    ...Object.fromEntries(texts.map((name) => [name, rawInteger(String(record[name]))])),
  }
}

/** The objects of a list that an answer is, or that it has as one of its members. */
export function objectsOf(answer: unknown, member: string, what: string): readonly JsonObject[] {
  const list = isObject(answer) ? answer[member] : answer
  if (!Array.isArray(list)) throw unknownForm(what)
  return list.map((item) => {
    if (!isObject(item)) throw unknownForm(what)
    return item
  })
}

/**
 * The failure of an answer that is JSON, but none of the forms that Mixpanel is known to answer in.
 */
export function unknownForm(what: string): MixloadError {
  return new MixloadError('BODY_UNREADABLE', `${what} answered in a form that is not known. Please report this.`)
}

/** Records as a batch of lines. */
export function batchOf(table: string, records: readonly JsonObject[]): LineBatch {
  const lines = records.map((properties) => `${JSON.stringify({ properties })}\n`)
  return { table, lines: Buffer.from(lines.join('')) }
}
