/** What holds for every load and every table, whatever the destination. */

import { MixloadError } from '../core/errors.ts'
import { VERSION } from '../core/version.ts'
import { daysBetween } from '../time/days.ts'
import type { KnownColumn, LoadRecord, NewColumn, Relation, WriteMode } from './contract.ts'

/**
 * The form of the ledger that this version writes. It grows by one whenever an older version would
 * misunderstand what a newer one writes. 1 is the form without `source`.
 */
export const LEDGER_FORM = 2

/** @throws MixloadError CONFIG_INVALID if a newer version of mixload has written to the ledger. */
export function assertFormKnown(ledger: readonly LoadRecord[], description: string): void {
  const newer = ledger.findLast(({ form = 1 }) => form > LEDGER_FORM)
  if (newer === undefined) return
  throw new MixloadError(
    'CONFIG_INVALID',
    `${description} was written by mixload ${newer.mixloadVersion}, whose ledger this version (${VERSION}) does not know. ` +
      `Install mixload ${newer.mixloadVersion} or a later version.`,
  )
}

/** The column by whose days the rows of a table are replaced. */
export const DAY_COLUMN = '_day'

/**
 * What is to be done with a load: write it, or return the row that the ledger has of it already.
 */
export type LoadDecision =
  | { readonly kind: 'write'; readonly loadedAt: Date }
  | { readonly kind: 'settled'; readonly record: LoadRecord }

/**
 * Decides about a load by the ledger, which is in the order of the commits. `wasInDoubt`: an
 * attempt to commit this load had no answer, so a row in the ledger is the answer.
 * @throws MixloadError ALREADY_LOADED
 */
export function decideLoad(ledger: readonly LoadRecord[], loadId: string, wasInDoubt: boolean): LoadDecision {
  const record = ledger.find((load) => load.loadId === loadId)
  if (record === undefined) return { kind: 'write', loadedAt: nextLoadedAt(ledger.at(-1)?.loadedAt) }
  if (wasInDoubt) return { kind: 'settled', record }
  throw new MixloadError('ALREADY_LOADED', `Load ${loadId} is in the ledger already.`)
}

/**
 * When a load is committed: later than every load before it, also if the machine's clock was set
 * back.
 */
function nextLoadedAt(last: Date | undefined): Date {
  return new Date(Math.max(Date.now(), (last?.getTime() ?? 0) + 1))
}

/** Loads in the order of their commits. */
export function inCommitOrder(loads: readonly LoadRecord[]): LoadRecord[] {
  return loads.toSorted((a, b) => a.loadedAt.getTime() - b.loadedAt.getTime())
}

/**
 * @throws MixloadError COUNT_MISMATCH if a load brings another number of rows than its relation
 *   says.
 */
export function assertCount(expected: number, found: number, table: string): void {
  if (found === expected) return
  throw new MixloadError(
    'COUNT_MISMATCH',
    `${expected} rows were read for ${table} but ${found} arrived; nothing was committed. Please report this.`,
  )
}

/** @throws MixloadError DESTINATION_FAILED if a relation has a column that its table lacks. */
export function assertKnown(relation: Relation, columns: readonly KnownColumn[], table: string): void {
  const names = new Set(columns.map(({ name }) => name))
  const unknown = relation.columns.find(({ name }) => !names.has(name))
  if (unknown === undefined) return
  throw new MixloadError(
    'DESTINATION_FAILED',
    `Table ${table} has no column ${unknown.name}; nothing was committed. Please report this.`,
  )
}

/** @throws MixloadError DESTINATION_FAILED if a load replaces more days than one load may. */
export function assertDays(mode: WriteMode, daysMax: number, table: string): void {
  if (mode.kind !== 'replace-days') return
  const days = daysBetween(mode.firstDay, mode.lastDay) + 1
  if (days <= daysMax) return
  throw new MixloadError(
    'DESTINATION_FAILED',
    `${days} days of ${table} cannot be replaced in one load, which may have ${daysMax}. Please report this.`,
  )
}

/** Those of some columns that a table lacks, each of them once. */
export function missingColumns(
  existing: readonly KnownColumn[],
  wanted: readonly NewColumn[],
  firstSeenAt: Date,
): readonly KnownColumn[] {
  const names = new Set(existing.map(({ name }) => name))
  return wanted.filter(({ name }) => !names.has(name) && names.add(name)).map((column) => ({ ...column, firstSeenAt }))
}
