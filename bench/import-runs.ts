import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Runs } from './figures.ts'
import { type DataSet, generate, LARGE, ONE_DAY } from './generate.ts'
import { runInterleaved } from './interleaved.ts'
import { startServer } from './server-process.ts'
import type { Subject } from './targets/target.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const WORK = join(ROOT, '.tmp/bench')

/** A set of events to send. */
export interface ImportSet {
  readonly name: string
  readonly set: DataSet
}

export const IMPORT: ImportSet = { name: 'import', set: ONE_DAY }

/** Only with `--large`. It shows whether memory grows with the number of events. */
export const LARGE_IMPORT: ImportSet = { name: 'import-large', set: LARGE }

/**
 * Measures sending to a simulator, from a file and one call after the other. The simulator runs on
 * the same cores.
 */
export async function runImport(
  { name: caseName, set }: ImportSet,
  rounds: number,
  log: (text: string) => void,
): Promise<readonly Runs[]> {
  await mkdir(WORK, { recursive: true })
  log(`${caseName}: ${set.events.toLocaleString('en')} events to a simulator`)
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
    // The programs fail if Mixpanel does not accept all events.
    size: async () => ({ rows: set.events, columns: 0 }),
  })
  const subjects = [
    subject('mixload import', 'dist/cmd/mixload.js', ['import', ...paths]),
    subject('client.track', 'bench/track.ts', [server.url, String(set.events)]),
  ]
  // `await` keeps the server running until all subjects have run.
  return await runInterleaved(caseName, subjects, set.events, rounds, log)
}
