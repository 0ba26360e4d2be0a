import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Case } from './cases.ts'
import type { Runs } from './figures.ts'
import { type DataFiles, generate } from './generate.ts'
import { measure } from './measure.ts'
import { backfillProgram } from './mixload-program.ts'
import type { Subject } from './places/place.ts'
import type { NodeProgram } from './program.ts'
import { startServer } from './server-process.ts'
import { runInTurns } from './turns.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SERVER = join(ROOT, 'bench/serve.ts')
const WORK = join(ROOT, '.tmp/bench')

/** Runs a case of events. */
export async function runCase(one: Case, rounds: number, tell: (text: string) => void): Promise<readonly Runs[]> {
  await mkdir(WORK, { recursive: true })
  tell(`${one.name}: ${one.set.events.toLocaleString('en')} events on ${one.set.days} day(s)`)
  const files = await generate(one.set, WORK)
  await using server = await startServer({ script: SERVER, args: [files.directory], cwd: WORK })
  const backfill = (destination: string, flags: readonly string[]) =>
    backfillProgram(WORK, server.url, { firstDay: one.set.firstDay, lastDay: files.lastDay }, destination, flags)
  const directory = join(WORK, one.name)
  await mkdir(directory, { recursive: true })
  await using place = await one.open({
    paths: files.paths,
    directory,
    readyRows: () => readyRows(files, (destination) => backfill(destination, [])),
  })
  const subjects: readonly Subject[] = [
    ...one.loads.map(({ label, flags }) => ({
      name: label,
      prepare: () => place.clear(),
      program: backfill(place.destination, flags),
      facts: () => place.facts(),
    })),
    ...(await place.baselines()),
  ]
  // The server must not go before they have run.
  return await runInTurns(one.name, subjects, one.set.events, rounds, tell)
}

/** A database file with the rows of a data set as mixload loads them, kept for the runs to come. */
async function readyRows({ directory }: DataFiles, program: (destination: string) => NodeProgram): Promise<string> {
  const path = `${directory}.duckdb`
  if (existsSync(path)) return path
  const unfinished = `${directory}-unfinished.duckdb`
  await rm(unfinished, { force: true })
  await measure(program(`duckdb:${unfinished}`))
  await rename(unfinished, path)
  return path
}
