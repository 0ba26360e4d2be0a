import type { LineShape } from '../columns/table.ts'
import { MixloadError } from '../core/errors.ts'
import { dayNumber, dayOfNumber, type EventClock } from '../time/event-time.ts'

/** What the lines of a response say about it. */
export interface BodyEvidence {
  readonly rows: number
  /** Lines that are not records. */
  readonly foreign: number
  /** The beginning of the last line, if it is not a record. */
  readonly foreignEnd: string | undefined
  /** Rows dated outside the requested days, in UTC and in the project's zone. */
  readonly distant: number
}

/**
 * The failure of a response that is certainly not what was requested, or not all of it. Mixpanel
 * sends status 200 before its query ends, so a query that fails later ends the body with something
 * that is not a record. A cache may send the response to another request.
 */
export function failureOf(
  { rows, foreign, foreignEnd, distant }: BodyEvidence,
  shape: LineShape,
  clock: EventClock | undefined,
): MixloadError | undefined {
  if (foreign > 0 && rows === 0) return noRecords(shape, foreignEnd)
  if (foreignEnd !== undefined) {
    const end = JSON.stringify(foreignEnd)
    return new MixloadError(
      'BODY_TRUNCATED',
      `The body is not whole: it ends in ${end}, which is not ${nameOf(shape)}.`,
    )
  }
  // A few may be misdated; a response of which most are is that of other days.
  if (clock === undefined || distant * 2 <= rows) return undefined
  return new MixloadError(
    'BODY_UNREADABLE',
    `The response is not that of the requested days: ${distant} of its ${rows} ${shape.noun}s are outside ` +
      `${daysOf(clock)}. A cache between Mixpanel and this machine may have sent it.`,
  )
}

/** The failure of a body without a record. `line`: one of its lines, as far as it is known. */
export function noRecords(shape: LineShape, line = ''): MixloadError {
  const list = line.trimStart().startsWith('[') ? ` It is a JSON list; expected is one ${shape.noun} per line.` : ''
  return new MixloadError('BODY_UNREADABLE', `None of the lines is ${nameOf(shape)}.${list}`)
}

/** The noun for a record of this shape, such as `an event`. */
export function nameOf({ noun }: LineShape): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`
}

function daysOf({ from, until }: EventClock): string {
  const first = dayOfNumber(dayNumber(from))
  const last = dayOfNumber(dayNumber(until - 1))
  return first === last ? first : `${first} to ${last}`
}

/** What makes a response doubtful that may still be whole; undefined if nothing does. */
export function doubtOf({ foreign }: Pick<BodyEvidence, 'foreign'>, isEndKnown: boolean): Doubt | undefined {
  if (foreign > 0) return 'foreign-lines'
  return isEndKnown ? undefined : 'unknown-end'
}

/** Why a response must come twice before it is taken for whole. */
export type Doubt = 'foreign-lines' | 'unknown-end'
