import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Case } from './cases.ts'
import type { Runs } from './figures.ts'
import { type DataFiles, generate } from './generate.ts'
import { runInterleaved } from './interleaved.ts'
import { measure } from './measure.ts'
import { backfillProgram } from './mixload-program.ts'
import type { NodeProgram } from './program.ts'
import { startServer } from './server-process.ts'
import type { Subject } from './targets/target.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SERVER = join(ROOT, 'bench/serve.ts')
const WORK = join(ROOT, '.tmp/bench')

/** Measures a case of loading events. */
export async function runCase(loadCase: Case, rounds: number, log: (text: string) => void): Promise<readonly Runs[]> {
  await mkdir(WORK, { recursive: true })
  log(`${loadCase.name}: ${loadCase.set.events.toLocaleString('en')} events on ${loadCase.set.days} day(s)`)
  const files = await generate(loadCase.set, WORK)
  await using server = await startServer({
    script: SERVER,
    args: [files.directory, String(loadCase.firstByteMs ?? 0)],
    cwd: WORK,
  })
  const backfill = (destination: string, flags: readonly string[]) =>
    backfillProgram(WORK, server.url, { firstDay: loadCase.set.firstDay, lastDay: files.lastDay }, destination, flags)
  const directory = join(WORK, loadCase.name)
  await mkdir(directory, { recursive: true })
  await using target = await loadCase.openTarget({
    paths: files.paths,
    directory,
    loadedRows: () => loadedRows(files, (destination) => backfill(destination, [])),
  })
  const subjects: readonly Subject[] = [
    ...loadCase.loads.map(({ label, flags }) => ({
      name: label,
      prepare: () => target.clear(),
      program: backfill(target.destination, flags),
      size: () => target.size(),
    })),
    ...(await target.baselines()),
  ]
  // `await` keeps the server running until all subjects have run.
  return await runInterleaved(loadCase.name, subjects, loadCase.set.events, rounds, log)
}

/**
 * Returns a database file with the rows of a data set, as mixload loads them. It is kept for later
 * runs.
 */
async function loadedRows({ directory }: DataFiles, program: (destination: string) => NodeProgram): Promise<string> {
  const path = `${directory}.duckdb`
  if (existsSync(path)) return path
  const unfinished = `${directory}-unfinished.duckdb`
  await rm(unfinished, { force: true })
  await measure(program(`duckdb:${unfinished}`))
  await rename(unfinished, path)
  return path
}
