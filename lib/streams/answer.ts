/** Turns response bodies into records and records into lines, and keeps every digit. */

import { KIND, numberKind } from '../columns/value-kinds.ts'
import { MixloadError } from '../core/errors.ts'
import { isRaw, numberOfRaw, parseLossless, rawInteger } from '../core/lossless-json.ts'
import type { Day } from '../time/days.ts'
import type { LineBatch } from './stream.ts'

/** A JSON object. Its numbers are as {@link parseAnswer} leaves them. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Kinds of numbers that a JavaScript number does not hold exactly. */
const INEXACT = KIND.longInteger | KIND.bigNumber

/**
 * Parses a response, called `what` in messages. A number that a double does not hold keeps its
 * digits: see {@link numberOf}. @throws MixloadError BODY_UNREADABLE
 */
export function parseAnswer(body: Buffer, what: string): unknown {
  const text = body.toString()
  try {
    return parseLossless(text, (_, source) => (numberKind(source) & INEXACT) !== 0)
  } catch (error) {
    throw new MixloadError('BODY_UNREADABLE', `${what}: the response is not valid JSON: ${text.slice(0, 200)}`, {
      cause: error,
    })
  }
}

/** Whether a value is a JSON object: not a list, and not a number kept as written. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRaw(value)
}

/** The nearest double to a number or a numeric text; undefined for other values. */
export function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : numberOfRaw(value)
  return Number.isFinite(number) ? number : undefined
}

const INTEGER = /^-?\d+$/

/** The record with these members as exact integers where they are texts of integers. */
export function withIntegers(record: JsonObject, members: readonly string[]): JsonObject {
  const integers = members.flatMap((name) => {
    const value = record[name]
    return typeof value === 'string' && INTEGER.test(value) ? [[name, rawInteger(value)]] : []
  })
  return { ...record, ...Object.fromEntries(integers) }
}

/** Whether the `status` of a response with HTTP status 200 means success, or is missing. */
export function isOk(status: unknown): boolean {
  if (status === undefined || status === null || status === true || status === 1 || status === 200) return true
  return typeof status === 'string' && /^(?:ok|success)$/i.test(status)
}

/**
 * Refuses a response whose `status` contradicts HTTP's status 200.
 * @throws MixloadError BODY_UNREADABLE
 */
export function assertOk(answer: unknown, what: string): void {
  const status = isObject(answer) ? answer.status : undefined
  if (isOk(status)) return
  throw new MixloadError('BODY_UNREADABLE', `${what}: Mixpanel sent the status ${JSON.stringify(status)}.`)
}

/** A list. The response is it, or has it as this member. */
export function listOf(answer: unknown, member: string, what: string): readonly unknown[] {
  assertOk(answer, what)
  const list = isObject(answer) ? answer[member] : answer
  if (!Array.isArray(list)) throw unknownForm(what)
  return list
}

/** A JSON response that is not in a known form. It concerns one item where items are read. */
export class UnknownForm extends MixloadError {
  constructor(message: string) {
    super('BODY_UNREADABLE', message)
  }
}

/** The error for a JSON response that is not in a known form, with what is unexpected if known. */
export function unknownForm(what: string, why?: string): UnknownForm {
  const detail = why === undefined ? '' : `: ${why}`
  return new UnknownForm(`${what} has an unexpected form${detail}. Please report this.`)
}

/** Records as a batch of lines. */
export function batchOf(table: string, records: readonly JsonObject[]): LineBatch {
  const lines = records.map((properties) => `${JSON.stringify({ properties })}\n`)
  return { table, lines: Buffer.from(lines.join('')) }
}

/** The digits of an id as Mixpanel wrote them. */
export function idText(id: unknown): string {
  return typeof id === 'string' ? id : JSON.stringify(id)
}

/** The members that file a record under its day. */
export function dated(day: Day): JsonObject {
  return { date: day, _day: day }
}
