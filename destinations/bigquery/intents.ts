import { gunzipSync, gzipSync } from 'node:zlib'
import type { LoadRecord, WriteMode } from '../../lib/destination/contract.ts'
import { addDays, type Day } from '../../lib/time/days.ts'
import { type Answer, at, listOf, objectOf, textOf } from './answers.ts'
import { inJobId, partitionOf } from './dialect.ts'

/**
 * A load under way, as it is noted before its first job is sent: all that another run must know to bring it to its end,
 * or to make sure that nothing of it ever appears.
 */
export interface Intent {
  /** Of one try. The ids of its jobs are made of it, so that no two tries share one. */
  readonly token: string
  readonly record: LoadRecord
  readonly table: string
  readonly mode: WriteMode
  /** Whether jobs write the table, or the load has no rows and replaces none. */
  readonly hasRows: boolean
  /** Whether rejects wait in a table of their own. */
  readonly hasRejects: boolean
  /** Tables that are there only for this try. */
  readonly stages: readonly string[]
}

const STAGE_PREFIX = '_mixload_stage_'

/** Where the rejects wait until the rows have landed. */
export function rejectsStage({ token }: Pick<Intent, 'token'>): string {
  return `${STAGE_PREFIX}${token}_rejects`
}

/** Where the rows for a table or partition wait until they are all there. */
export function rowsStage({ token }: Pick<Intent, 'token'>, target: string): string {
  const [, day] = target.split('$')
  return `${STAGE_PREFIX}${token}${day === undefined ? '' : `_${day}`}`
}

/** The id of a job, but for its attempt. */
export function jobIdOf({ token, record }: Pick<Intent, 'token' | 'record'>, purpose: string): string {
  return `mixload_${inJobId(record.loadId)}_${token}_${purpose}`
}

/** What the id of a job says that it is for: rows, or those of one partition. */
export function rowsPurpose(target: string): string {
  const [, day] = target.split('$')
  return day === undefined ? 'rows' : `rows_${day}`
}

/** The table or the partitions that one job each puts rows into. */
export function targetsOf({ table, mode, hasRows }: Pick<Intent, 'table' | 'mode' | 'hasRows'>): readonly string[] {
  if (!hasRows) return []
  return mode.kind === 'replace-days'
    ? daysOf(mode.firstDay, mode.lastDay).map((day) => partitionOf(table, day))
    : [table]
}

/** All days of a span, both ends included. */
export function daysOf(firstDay: Day, lastDay: Day): readonly Day[] {
  const days: Day[] = []
  for (let day = firstDay; day <= lastDay; day = addDays(day, 1)) days.push(day)
  return days
}

/** Longest JSON of intents that is noted as it is; a selection of many events makes it longer. */
const PLAIN_CHARACTERS_MAX = 8000

/** Longest that is noted packed, with room for what else is in the note. */
const PACKED_CHARACTERS_MAX = 14_000

/** As JSON, packed where it is long; where that is too long as well, without the rows by day, which can be done without. */
export function notedIntents(intents: readonly Intent[]): unknown {
  if (JSON.stringify(intents).length <= PLAIN_CHARACTERS_MAX) return intents
  const whole = packed(intents)
  if (whole.gzip.length <= PACKED_CHARACTERS_MAX) return whole
  return packed(intents.map((intent) => ({ ...intent, record: { ...intent.record, dayRows: null } })))
}

function packed(intents: readonly Intent[]): { readonly gzip: string } {
  return { gzip: gzipSync(JSON.stringify(intents)).toString('base64') }
}

/** The intents of a note; none where there is no note, or one that is not of mixload. */
export function readIntents(noted: unknown): readonly Intent[] {
  const packed = textOf(at(noted, 'gzip'))
  const list: unknown = packed === undefined ? noted : JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString())
  return listOf(list).map(objectOf).map(intentOf)
}

function intentOf(noted: Answer): Intent {
  const record = objectOf(noted.record)
  return {
    ...(noted as unknown as Intent),
    record: {
      ...(record as unknown as LoadRecord),
      startedAt: new Date(String(record.startedAt)),
      loadedAt: new Date(String(record.loadedAt)),
    },
  }
}
