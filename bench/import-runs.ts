import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Runs } from './figures.ts'
import { type DataSet, generate, LARGE, ONE_DAY } from './generate.ts'
import type { Subject } from './places/place.ts'
import { startServer } from './server-process.ts'
import { runInTurns } from './turns.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const WORK = join(ROOT, '.tmp/bench')

/** Events that are sent. */
export interface ImportSet {
  readonly name: string
  readonly set: DataSet
}

export const IMPORT: ImportSet = { name: 'import', set: ONE_DAY }

/** It shows whether memory grows with the number of events. */
export const LARGE_IMPORT: ImportSet = { name: 'import-large', set: LARGE }

/** Sends events to a simulator, which takes its part of the same cores: from a file, and one call after the other. */
export async function runImport(
  { name: caseName, set }: ImportSet,
  rounds: number,
  tell: (text: string) => void,
): Promise<readonly Runs[]> {
  await mkdir(WORK, { recursive: true })
  tell(`${caseName}: ${set.events.toLocaleString('en')} events to a simulator`)
  const { paths } = await generate(set, WORK)
  await using server = await startServer({ script: join(ROOT, 'bench/serve-simulator.ts'), args: [], cwd: WORK })
  const state = join(WORK, 'import-state')
  const subject = (name: string, script: string, args: readonly string[]): Subject => ({
    name,
    prepare: () => rm(state, { recursive: true, force: true }),
    program: {
      script: join(ROOT, script),
      args,
      cwd: WORK,
      environment: { MIXPANEL_API_URL: server.url, MIXPANEL_TOKEN: 'bench', MIXLOAD_STATE_DIR: state },
    },
    // A program that ends well has been told that all were taken.
    facts: async () => ({ rows: set.events, columns: 0 }),
  })
  const subjects = [
    subject('mixload import', 'dist/cmd/mixload.js', ['import', ...paths]),
    subject('client.track', 'bench/track.ts', [server.url, String(set.events)]),
  ]
  // The server must not go before they have run.
  return await runInTurns(caseName, subjects, set.events, rounds, tell)
}
