/** The names of the tests in test/faults/, as tables for docs/reliability.md: what goes wrong, and what comes of it. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { section, table } from './markdown.ts'

const ROOT = join(import.meta.dirname, '..')
const SEPARATOR = ' > '

/** A test as the runner lists it: the names of its groups and its own, one after the other. */
interface Listed {
  readonly name: string
  readonly file: string
}

/** The page with the tables in it as the tests are now. */
export function withFaultTable(page: string): string {
  return section(page, 'faults', faultTables())
}

function faultTables(): string {
  const byFile = Map.groupBy(listedTests(), ({ file }) => basename(file, '.test.ts'))
  const files = [...byFile].toSorted(([one], [other]) => (one < other ? -1 : 1))
  return files
    .map(([file, tests]) => `### [\`${file}\`](../test/faults/${file}.test.ts)\n\n${tableOf(tests)}`)
    .join('\n\n')
}

/** A row for each test; what several groups have in common, such as a test for each destination, is in one. */
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
  return table(['Where', 'What happens: what comes of it'], rows)
}

/** Asks the runner, and lets it run the files: only then does it know the names of tests that are made from lists. */
function listedTests(): readonly Listed[] {
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
  const directory = mkdtempSync(join(tmpdir(), 'mixload-names-'))
  try {
    const file = join(directory, 'names.json')
    // Of a runner that this is a part of, nothing is handed on.
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
