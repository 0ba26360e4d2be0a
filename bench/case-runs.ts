import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { detectingSql, toldSql } from './baseline-sql.ts'
import type { Case, MixloadLoad } from './cases.ts'
import { BASELINE_A, BASELINE_B, type Runs } from './figures.ts'
import { type DataFiles, generate } from './generate.ts'
import { type Measure, measure } from './measure.ts'
import type { NodeProgram } from './program.ts'
import { startServer } from './server-process.ts'
import { type TableFacts, tableFacts } from './table-facts.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const MIXLOAD = join(ROOT, 'dist/cmd/mixload.js')
const BASELINE = join(ROOT, 'bench/baseline.ts')
const SERVER = join(ROOT, 'bench/serve.ts')
const WORK = join(ROOT, '.tmp/bench')

/** One of those that are compared. */
interface Subject {
  readonly name: string
  readonly table: string
  /** The program that loads everything into a new database file. */
  program(database: string): NodeProgram
}

/** Runs all that is compared in a case, in turns, so that what else the machine does hits all of them alike. */
export async function runCase(one: Case, rounds: number, tell: (text: string) => void): Promise<readonly Runs[]> {
  await mkdir(WORK, { recursive: true })
  tell(`${one.name}: ${one.set.events.toLocaleString('en')} events on ${one.set.days} day(s)`)
  const files = await generate(one.set, WORK)
  await using server = await startServer({ script: SERVER, args: [files.directory], cwd: WORK })
  const subjects = [
    ...one.loads.map((load) => mixload(one, load, files, server.url)),
    baseline(BASELINE_A, detectingSql(files.paths)),
    // This also reads all the files once, so that none of those compared is the one to fetch them from the disk.
    baseline(BASELINE_B, await toldSql(files.paths)),
  ]
  const results = subjects.map(({ name }) => new Result(one.name, name))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < subjects.length; turn++) {
      const index = (round + turn) % subjects.length
      const [subject, result] = [subjects[index], results[index]]
      if (subject === undefined || result === undefined || result.failure !== undefined) continue
      await runOnce(subject, one.set.events, result)
      tell(`  round ${round + 1}, ${subject.name}: ${result.latest}`)
    }
  }
  return results
}

/** The runs of a subject, as they come in. */
class Result implements Runs {
  readonly case: string
  readonly subject: string
  readonly measures: Measure[] = []
  facts: TableFacts = { rows: 0, columns: 0 }
  failure: string | undefined

  constructor(caseName: string, subject: string) {
    this.case = caseName
    this.subject = subject
  }

  get latest(): string {
    return this.failure ?? `${this.measures.at(-1)?.wallSeconds.toFixed(2)} s`
  }
}

async function runOnce({ table, program }: Subject, events: number, result: Result): Promise<void> {
  const database = join(WORK, 'load.duckdb')
  const remove = async () => {
    for (const suffix of ['', '.wal', '.tmp']) await rm(database + suffix, { recursive: true, force: true })
  }
  await remove()
  try {
    const used = await measure(program(database))
    result.facts = await tableFacts(database, table)
    if (result.facts.rows === events) result.measures.push(used)
    else result.failure = `loaded ${result.facts.rows} rows of ${events}`
  } catch (error) {
    result.failure = error instanceof Error ? error.message : String(error)
  } finally {
    await remove()
  }
}

function mixload({ set }: Case, { label, flags }: MixloadLoad, { lastDay }: DataFiles, url: string): Subject {
  return {
    name: label,
    table: 'mixpanel.export',
    program: (database) => ({
      script: MIXLOAD,
      args: ['backfill', '--from', set.firstDay, '--to', lastDay, '--destination', `duckdb:${database}`, ...flags],
      cwd: WORK,
      environment: {
        MIXPANEL_API_URL: url,
        MIXPANEL_PROJECT_ID: '1000',
        MIXPANEL_SERVICE_ACCOUNT: 'bench',
        MIXPANEL_SERVICE_ACCOUNT_SECRET: 'bench',
        MIXLOAD_REQUESTS_PER_HOUR: '0',
        MIXLOAD_REQUESTS_PER_SECOND: '0',
        MIXLOAD_STATE_DIR: join(WORK, 'state'),
        MIXLOAD_SPOOL_DIR: join(WORK, 'spool'),
      },
    }),
  }
}

function baseline(name: string, sql: string): Subject {
  return { name, table: 't', program: (database) => ({ script: BASELINE, args: [database, sql], cwd: WORK }) }
}
