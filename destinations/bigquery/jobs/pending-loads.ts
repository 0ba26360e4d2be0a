import { gunzipSync, gzipSync } from 'node:zlib'
import type { LoadRecord, WriteMode } from '../../../lib/destination/contract.ts'
import { loadOf, loadRow, untypedRow } from '../../../lib/destination/ledger-row.ts'
import { parseSelection } from '../../../lib/destination/selection.ts'
import { daysOf } from '../../../lib/time/days.ts'
import { at, type JsonObject, listOf, objectOf, textOf } from '../api/json.ts'

/**
 * A load as it is noted before its first job is sent: everything that another run needs to finish
 * it, or to make sure that nothing of it ever appears.
 */
export interface PendingLoad {
  /** Of one attempt. Its job ids contain it, so no two attempts share one. */
  readonly token: string
  readonly record: LoadRecord
  readonly table: string
  readonly mode: WriteMode
  /** Whether jobs write the table; false if the load has no rows and replaces none. */
  readonly hasRows: boolean
  readonly hasRejects: boolean
  /** Whether it adds to the superseded rows. A note is not trusted so far as to name the query. */
  readonly supersedes?: boolean
  /** Whether its first job removes rows. */
  readonly removes?: boolean
  readonly stages: readonly string[]
}

const STAGE_PREFIX = '_mixload_stage_'

/** The staging table where rejects wait until the rows are in their table. */
export function rejectsStage({ token }: Pick<PendingLoad, 'token'>): string {
  return `${STAGE_PREFIX}${token}_rejects`
}

/** The staging table where the rows of a table or partition are gathered. */
export function rowsStage({ token }: Pick<PendingLoad, 'token'>, target: string): string {
  const [, day] = target.split('$')
  return `${STAGE_PREFIX}${token}${day === undefined ? '' : `_${day}`}`
}

/** The id of a job, without the number of its attempt. */
export function jobIdOf({ token, record }: Pick<PendingLoad, 'token' | 'record'>, purpose: string): string {
  return `mixload_${inJobId(record.loadId)}_${token}_${purpose}`
}

/** How jobs name a partition of a table. */
export function partitionOf(table: string, day: string): string {
  return `${table}$${day.replaceAll('-', '')}`
}

/** The text with the characters that a job id may have: letters, digits, `_` and `-`. */
export function inJobId(text: string): string {
  return text.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 60)
}

/** The purpose in the id of a job that writes rows, or the rows of one partition. */
export function rowsPurpose(target: string): string {
  const [, day] = target.split('$')
  return day === undefined ? 'rows' : `rows_${day}`
}

/** The table, or the partitions, that the load's jobs write, one job each. */
export function targetsOf({
  table,
  mode,
  hasRows,
}: Pick<PendingLoad, 'table' | 'mode' | 'hasRows'>): readonly string[] {
  if (!hasRows) return []
  return mode.kind === 'replace-days'
    ? daysOf(mode.firstDay, mode.lastDay).map((day) => partitionOf(table, day))
    : [table]
}

/** Longest JSON that is noted uncompressed. A selection of many events is longer. */
const PLAIN_CHARACTERS_MAX = 8000

/** Longest that is noted compressed, with room for the rest of the note. */
const COMPRESSED_CHARACTERS_MAX = 14_000

/**
 * Pending loads as JSON, compressed if they are long. If they are still too long, the rows by day
 * are left out, because a load can be finished without them.
 */
export function encodePendingLoads(loads: readonly PendingLoad[]): unknown {
  const notes = loads.map(encoded)
  if (JSON.stringify(notes).length <= PLAIN_CHARACTERS_MAX) return notes
  const whole = compressed(notes)
  if (whole.gzip.length <= COMPRESSED_CHARACTERS_MAX) return whole
  return compressed(loads.map((load) => encoded({ ...load, record: { ...load.record, dayRows: null } })))
}

/** The record is noted as a row of the ledger, so that what reads the ledger can read it. */
function encoded(load: PendingLoad): unknown {
  return { ...load, record: loadRow(load.record) }
}

function compressed(notes: readonly unknown[]): { readonly gzip: string } {
  return { gzip: gzipSync(JSON.stringify(notes)).toString('base64') }
}

/** The pending loads in a note; none if there is no note, or if it is not mixload's. */
export function decodePendingLoads(noted: unknown): readonly PendingLoad[] {
  const gzip = textOf(at(noted, 'gzip'))
  const list: unknown = gzip === undefined ? noted : JSON.parse(gunzipSync(Buffer.from(gzip, 'base64')).toString())
  return listOf(list).map(objectOf).map(decoded)
}

function decoded(noted: JsonObject): PendingLoad {
  return { ...(noted as unknown as PendingLoad), record: recordOf(objectOf(noted.record)) }
}

function recordOf(noted: JsonObject): LoadRecord {
  if ('load_id' in noted) return loadOf(untypedRow(noted))
  // Earlier versions noted the record itself, with its times and its selection as text.
  return {
    ...(noted as unknown as LoadRecord),
    selection: parseSelection(String(noted.selection)),
    startedAt: new Date(String(noted.startedAt)),
    loadedAt: new Date(String(noted.loadedAt)),
  }
}
