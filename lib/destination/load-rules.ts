/** The rules for every load and every table, whatever the destination. */

import type { Column } from '../columns/column.ts'
import { MixloadError } from '../core/errors.ts'
import { type NameQuote, quoteName, quoteText } from '../core/sql.ts'
import { VERSION } from '../core/version.ts'
import { ENGINE_TYPES } from '../engine/dialect.ts'
import { countDays } from '../time/days.ts'
import type {
  Comments,
  KnownColumn,
  LoadRecord,
  LoadRows,
  NewColumn,
  Relation,
  Removal,
  RemovedRows,
  RowChange,
  WriteMode,
} from './contract.ts'
import { byLoad } from './grouped-rows.ts'
import { REJECTS } from './ledger.ts'

/**
 * The form of the ledger that this version writes. It grows by one whenever older versions would
 * misunderstand what newer ones write. Form 1 has no `source`; form 2 does not number the rows of
 * `export`, and its `event_id` has other parts.
 */
export const LEDGER_FORM = 3

/** @throws MixloadError CONFIG_INVALID if a newer version of mixload has written to the ledger. */
export function assertFormKnown(ledger: readonly LoadRecord[], description: string): void {
  const newer = ledger.findLast(({ form = 1 }) => form > LEDGER_FORM)
  if (newer === undefined) return
  throw new MixloadError(
    'CONFIG_INVALID',
    `${description} was written by a newer mixload (${newer.mixloadVersion}), whose ledger has form ${newer.form}. ` +
      `This version (${VERSION}) knows forms up to ${LEDGER_FORM}. Install the newer version.`,
  )
}

/** What a load without rows brings. */
export const NO_ROWS: Relation = { columns: [], rowCount: 0, query: 'SELECT 1 WHERE false' }

/** The column with the days by which the rows of a table are replaced. */
export const DAY_COLUMN = '_day'

/** What to do with a load: write it, or return its row, which the ledger has already. */
export type LoadDecision =
  | { readonly kind: 'write'; readonly loadedAt: Date }
  | { readonly kind: 'settled'; readonly record: LoadRecord }

/**
 * Decides by the ledger, in the order of the commits, what to do with a load. `wasInDoubt`: the
 * result of an attempt to commit it is unknown, so a row in the ledger means that it succeeded.
 * @throws MixloadError ALREADY_LOADED
 */
export function decideLoad(ledger: readonly LoadRecord[], loadId: string, wasInDoubt: boolean): LoadDecision {
  const record = ledger.find((load) => load.loadId === loadId)
  if (record === undefined) return { kind: 'write', loadedAt: nextLoadedAt(ledger.at(-1)?.loadedAt) }
  if (wasInDoubt) return { kind: 'settled', record }
  throw new MixloadError('ALREADY_LOADED', `Load ${loadId} is in the ledger already.`)
}

/** Later than every load before, even if the machine's clock was set back. */
function nextLoadedAt(last: Date | undefined): Date {
  return new Date(Math.max(Date.now(), (last?.getTime() ?? 0) + 1))
}

/** Loads in the order of their commits. */
export function inCommitOrder(loads: readonly LoadRecord[]): LoadRecord[] {
  return loads.toSorted((a, b) => a.loadedAt.getTime() - b.loadedAt.getTime())
}

/**
 * @throws MixloadError COUNT_MISMATCH if the number of rows differs from that of the relation.
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
  const days = countDays(mode.firstDay, mode.lastDay)
  if (days <= daysMax) return
  throw new MixloadError(
    'DESTINATION_FAILED',
    `${days} days of ${table} cannot be replaced in one load, which may have ${daysMax}. Please report this.`,
  )
}

/** The rows that a load removes, whose number is checked. */
export function removedRows(removal: Removal, table: string): RemovedRows {
  const { rowCount } = removal
  const verify = (count: number) => {
    if (count === rowCount) return
    throw new MixloadError(
      'COUNT_MISMATCH',
      `${rowCount} rows of ${table} were to be removed, but ${count} were found; nothing was committed. Please report this.`,
    )
  }
  return { ...removal, verify }
}

/** The statement that removes rows of the table with this quoted path. */
export function removeStatement(path: string, { where }: Pick<Removal, 'where'>): string {
  return `DELETE FROM ${path} AS __rows WHERE ${where}`
}

/** The statement that changes rows of the table with this quoted path. */
export function updateStatement(path: string, { values, where }: RowChange, nameQuote?: NameQuote): string {
  const list = Object.entries(values).map(([name, value]) => `${quoteName(name, nameQuote)} = ${value}`)
  return `UPDATE ${path} SET ${list.join(', ')} WHERE ${where}`
}

/** The statements that write comments on the table or view with this quoted path. */
export function commentStatements(path: string, { kind, text, columns }: Comments): readonly string[] {
  return [
    ...(text === null ? [] : [`COMMENT ON ${kind} ${path} IS ${quoteText(text)}`]),
    ...[...columns].flatMap(([column, comment]) =>
      comment === null ? [] : [`COMMENT ON COLUMN ${path}.${quoteName(column)} IS ${quoteText(comment)}`],
    ),
  ]
}

/** The wanted columns that a table lacks, each of them once. */
export function missingColumns(
  existing: readonly KnownColumn[],
  wanted: readonly NewColumn[],
  firstSeenAt: Date,
): readonly KnownColumn[] {
  const names = new Set(existing.map(({ name }) => name))
  return wanted.filter(({ name }) => !names.has(name) && names.add(name)).map((column) => ({ ...column, firstSeenAt }))
}

/**
 * The rows of loads into a table with these columns. If there are several, the relation's query
 * numbers them: see {@link LOAD_NUMBER}.
 */
export function rowsOfLoads(
  relation: Relation,
  loads: readonly Pick<LoadRecord, 'loadId' | 'loadedAt'>[],
  table: string,
  columns: readonly Column[],
): LoadRows {
  const own = {
    _loaded_at: byLoad(loads.map(({ loadedAt }) => quoteText(loadedAt.toISOString()))),
    _load_id: byLoad(loads.map(({ loadId }) => quoteText(loadId))),
  }
  return completeRows(relation, own, table, columns)
}

/** The rejects of a load. */
export function rejectsOfLoad(relation: Relation, { loadId, stream }: LoadRecord): LoadRows {
  const { columns } = REJECTS
  const own = { [columns.loadId.name]: quoteText(loadId), [columns.stream.name]: quoteText(stream) }
  return completeRows(relation, own, REJECTS.name, [])
}

/** `own`: the columns that the load adds, each with its SQL value. */
function completeRows(
  relation: Relation,
  own: Readonly<Record<string, string>>,
  table: string,
  known: readonly Column[],
): LoadRows {
  const byName = new Map(known.map((column) => [column.name, column]))
  const added = Object.keys(own).map((name) => byName.get(name) ?? textColumn(name))
  const given = relation.columns.map((column) => byName.get(column.name) ?? column)
  const expressions = [
    ...added.map((column) => typed(own[column.name] ?? 'NULL', column)),
    ...given.map((column) => typed(quoteName(column.name), column)),
  ]
  return {
    columns: [...added, ...given],
    rowCount: relation.rowCount,
    get query() {
      return `SELECT ${expressions.join(', ')} FROM (${relation.query})`
    },
    verify: (count) => assertCount(relation.rowCount, count, table),
  }
}

function textColumn(name: string): Column {
  return { name, type: 'text', role: 'fixed', property: null }
}

function typed(expression: string, { name, type }: Column): string {
  return `CAST(${expression} AS ${ENGINE_TYPES[type]}) AS ${quoteName(name)}`
}
