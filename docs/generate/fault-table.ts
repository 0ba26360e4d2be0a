import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { page, table } from './markdown.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const SEPARATOR = ' > '

/** A test as the runner lists it. The name starts with the names of its groups. */
interface Listed {
  readonly name: string
  readonly file: string
}

/**
 * `docs/fault-tests.md`: every test in test/faults/ by its name, which says what fails and what
 * must happen then.
 */
export function faultTestsPage(): string {
  return page(
    '# Fault tests',
    `Every fault that the tests in \`test/faults/\` inject, and what must happen then. The tables list the names of the
tests; an empty cell repeats the one above it. Each test checks the tables, the ledger, the exit code or the message.
For what this means for you, see [reliability](reliability.md).`,
    `\`make soak\` runs the random tests hundreds of times. Other tests inject faults too:`,
    OTHER_TESTS.map(([file, tested]) => `- [\`${file}\`](../${file}): ${tested}`).join('\n'),
    ...sections(),
  )
}

/** Tests of faults that are not in test/faults/. */
const OTHER_TESTS = [
  ['test/cmd/faulty-mixpanel.test.ts', 'each fault of the simulator, seen by the command line'],
  ['test/scan/body-cuts.test.ts', 'a response cut at any byte'],
  ['test/cmd/kill.test.ts', 'a process killed at random moments'],
  ['test/cmd/backfill.test.ts', '^C'],
  ['test/pipeline/salvage.test.ts', 'lines that the engine refuses'],
  ['test/destinations/duckdb-file.test.ts', 'two processes on one file'],
] as const

function sections(): readonly string[] {
  const byFile = Map.groupBy(listedTests(), ({ file }) => basename(file, '.test.ts'))
  const files = [...byFile].toSorted(([left], [right]) => (left < right ? -1 : 1))
  return files.map(([file, tests]) => `## [\`${file}\`](../test/faults/${file}.test.ts)\n\n${tableOf(tests)}`)
}

/**
 * One row per test. Tests of the same name in several groups, such as one group per destination,
 * share a row.
 */
function tableOf(tests: readonly Listed[]): string {
  const groupsByName = new Map<string, string[]>()
  for (const { name } of tests) {
    const names = name.split(SEPARATOR)
    const own = names.pop() ?? ''
    groupsByName.set(own, [...(groupsByName.get(own) ?? []), names.join(', ')])
  }
  let above = ''
  const rows = [...groupsByName].map(([name, groups]) => {
    const where = [...new Set(groups)].join('; ')
    const shown = where === above ? '' : where
    above = where
    return [shown, name].map((cell) => cell.replaceAll('<', '\\<').replaceAll('__', '\\_\\_'))
  })
  return table(['Where', 'What fails, and what must happen'], rows)
}

/** Asks the test runner, because only it knows the names of tests that are generated from lists. */
function listedTests(): readonly Listed[] {
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
  const directory = mkdtempSync(join(tmpdir(), 'mixload-names-'))
  try {
    const file = join(directory, 'names.json')
    // This may run inside a test. The runner that it starts must not inherit that one's settings.
    const environment = Object.entries(process.env).filter(([name]) => !/VITEST|^TEST$|^NODE_ENV$/.test(name))
    execFileSync(process.execPath, [vitest, 'list', '--no-static-parse', `--json=${file}`, 'test/faults/'], {
      cwd: ROOT,
      env: Object.fromEntries(environment),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    return JSON.parse(readFileSync(file, 'utf8')) as readonly Listed[]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
