import { type ErrorCode, MixloadError } from '../../lib/core/errors.ts'
import type { Destination } from '../../lib/destination/contract.ts'

/** The calls that can be made to fail. */
export const CALLS = ['open', 'columns', 'addColumns', 'ledger', 'load', 'putViews'] as const
export type Call = (typeof CALLS)[number]

/** What happens to one call of a destination. */
export interface Failure {
  readonly call: Call
  /** Which of them, counted from 1. */
  readonly nth: number
  /** Before or after the call did what it does. */
  readonly when: 'before' | 'after'
  /** `killed`: from there on every call fails, as if the process were no more. */
  readonly code: ErrorCode | 'killed'
}

/** A process that is killed catches nothing; in a test, something has to be thrown. */
export class Killed extends Error {}

/** The same destination, whose calls fail as they are told to. */
export function failingDestination(inner: Destination, failures: readonly Failure[]): Destination {
  const counts = new Map<Call, number>()
  let isDead = false

  const failing = async <T>(call: Call, work: () => Promise<T>): Promise<T> => {
    if (isDead) throw new Killed()
    const nth = (counts.get(call) ?? 0) + 1
    counts.set(call, nth)
    const failure = failures.find((one) => one.call === call && one.nth === nth)
    if (failure?.when === 'before') throw thrown(failure)
    const result = await work()
    if (failure?.when === 'after') throw thrown(failure)
    return result
  }
  const thrown = ({ call, nth, when, code }: Failure): Error => {
    if (code !== 'killed') return new MixloadError(code, `Call ${nth} of ${call} was made to fail ${when} its effect.`)
    isDead = true
    return new Killed()
  }

  return {
    supports: inner.supports,
    description: inner.description,
    open: (signal) => failing('open', () => inner.open(signal)),
    openToRead: (signal) => inner.openToRead(signal),
    columns: (table) => failing('columns', () => inner.columns(table)),
    addColumns: (table, columns) => failing('addColumns', () => inner.addColumns(table, columns)),
    ledger: (stream) => failing('ledger', () => inner.ledger(stream)),
    load: (relation, target, record, signal) => failing('load', () => inner.load(relation, target, record, signal)),
    pathInViews: (table) => inner.pathInViews(table),
    putViews: (views) => failing('putViews', () => inner.putViews(views)),
    query: (sql, take, signal) => inner.query(sql, take, signal),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  }
}
