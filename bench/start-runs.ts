import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { plainEnvironment } from './environment.ts'
import type { Runs } from './figures.ts'
import type { Measure } from './measure.ts'
import { measureCommand } from './measure-command.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** What an import costs, and how long `mixload --help` takes. */
export const START = { name: 'start' }

/** Starting a process takes a fraction of a second, so each round has several of them. */
const STARTS_PER_ROUND = 5

/**
 * Imports the module that it is given, and prints the time in seconds and the growth of memory in
 * bytes.
 */
const IMPORT = `
const rss = process.memoryUsage().rss
const started = performance.now()
await import(process.argv[1])
const wallSeconds = (performance.now() - started) / 1000
console.log(JSON.stringify({ wallSeconds, peakRssBytes: process.memoryUsage().rss - rss }))`

/**
 * Measures the import of `mixload/client`, compared with `undici`, which it sends with, and the
 * start of the command line, compared with an empty program.
 */
export async function runStart(rounds: number, log: (text: string) => void): Promise<readonly Runs[]> {
  log(`${START.name}: ${rounds * STARTS_PER_ROUND} starts of each`)
  return [
    ...(await compare('import', rounds, {
      'import mixload/client': () => measureImport('mixload/client'),
      'A: import undici': () => measureImport('undici'),
    })),
    ...(await compare('help', rounds, {
      'mixload --help': () => measureStart([join(ROOT, 'dist/cmd/mixload.js'), '--help']),
      'A: empty Node program': () => measureStart(['--eval', '0']),
    })),
  ]
}

/** Measures subjects alternately, so that other load on the machine affects them equally. */
async function compare(
  name: string,
  rounds: number,
  subjects: Readonly<Record<string, () => Promise<Measure>>>,
): Promise<readonly Runs[]> {
  const measures = new Map<string, Measure[]>(Object.keys(subjects).map((subject) => [subject, []]))
  for (let start = 0; start < rounds * STARTS_PER_ROUND; start++) {
    for (const [subject, run] of Object.entries(subjects)) measures.get(subject)?.push(await run())
  }
  const size = { rows: 1, columns: 0 }
  return [...measures].map(([subject, runs]) => ({ case: name, subject, size, measures: runs, failure: undefined }))
}

async function measureImport(specifier: string): Promise<Measure> {
  const args = ['--input-type=module', '--eval', IMPORT, specifier]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env: plainEnvironment() })
  return { ...JSON.parse(stdout), cpuSeconds: Number.NaN, loadSeconds: undefined }
}

/** Measures time only: the process is too short for samples of its memory. */
async function measureStart(args: readonly string[]): Promise<Measure> {
  return { ...(await measureCommand({ command: process.execPath, args, cwd: ROOT })), peakRssBytes: Number.NaN }
}
