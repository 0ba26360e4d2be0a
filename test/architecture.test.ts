import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const LINES_MAX = 400
/** The pure files and folders of `lib/`, without I/O: where days begin, what an answer means. */
const PURE = [
  ...['core/lossless-json', 'core/printable', 'core/row-limit', 'core/sql', 'slices'],
  ...['destination/failures', 'destination/ledger', 'destination/ledger-row', 'destination/ledger-tables'],
  ...['destination/load-rules', 'destination/selection'],
  ...['columns/', 'time/'],
  ...['describe/comments', 'describe/sentences'],
  ...['dbt/data-types', 'dbt/dialects', 'dbt/event-columns', 'dbt/sources'],
  ...['ingest/checks', 'ingest/endpoints', 'ingest/mixpanel-time', 'ingest/operations'],
  ...['ingest/payloads', 'ingest/property-values', 'ingest/response', 'ingest/text-values', 'ingest/watermark'],
  ...['mixpanel/redirect', 'mixpanel/regions', 'mixpanel/response-errors'],
  ...['run/choose-days', 'run/late-coverage', 'run/late-rows', 'run/whole-days'],
  'scan/failure-line',
  'streams/transactions',
  'transform/profile-changes',
  'verify/compare',
]

interface Import {
  /** A package, or a file from the root of the project. */
  readonly target: string
  readonly isFile: boolean
  /** Gone when types are stripped. */
  readonly isType: boolean
  readonly isDynamic: boolean
}

interface Source {
  readonly path: string
  readonly text: string
  /** Without comments and texts. */
  readonly code: string
  readonly imports: readonly Import[]
}

const STATIC = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm
const DYNAMIC = /\bimport\(\s*(?:'([^']+)'|[^)]*)\)/g
const ONLY_TYPES = /^(?:import|export)\s+\{\s*(?:type\s+[\w$]+(?:\s+as\s+[\w$]+)?\s*,?\s*)+\}/

function importsOf(path: string, text: string): readonly Import[] {
  const made = (specifier: string, isType: boolean, isDynamic: boolean): Import => {
    const isFile = specifier.startsWith('.')
    return { target: isFile ? normalize(join(dirname(path), specifier)) : specifier, isFile, isType, isDynamic }
  }
  return [
    ...[...text.matchAll(STATIC)].map(([whole, type, specifier = '']) =>
      made(specifier, type !== undefined || ONLY_TYPES.test(whole), false),
    ),
    ...[...text.matchAll(DYNAMIC)].map(([, specifier = '?']) => made(specifier, false, true)),
  ]
}

/** Code without what a reader may say in it. */
function bare(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '$1')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''")
}

const SOURCES: readonly Source[] = ['cmd', 'lib', 'destinations'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const path = join(folder, name)
      const text = readFileSync(join(ROOT, path), 'utf8')
      return { path, text, code: bare(text), imports: importsOf(path, text) }
    }),
)
const BY_PATH = new Map(SOURCES.map((source) => [source.path, source]))
const under = (folder: string) => SOURCES.filter(({ path }) => path.startsWith(`${folder}/`))

/** `file -> target` for each import that is not allowed. */
function offences(sources: readonly Source[], isWrong: (imported: Import, from: Source) => boolean): readonly string[] {
  return sources.flatMap((from) =>
    from.imports.filter((imported) => isWrong(imported, from)).map(({ target }) => `${from.path} -> ${target}`),
  )
}

/** The name of the package that a specifier is of. */
function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** The files and packages that are loaded at once with a file. */
function closureOf(path: string): ReadonlySet<string> {
  const seen = new Set<string>()
  const visit = (target: string) => {
    if (seen.has(target)) return
    seen.add(target)
    for (const imported of BY_PATH.get(target)?.imports ?? []) {
      if (!imported.isType && !imported.isDynamic) visit(imported.isFile ? imported.target : packageOf(imported.target))
    }
  }
  visit(path)
  return seen
}

/** What each file imports when it is loaded, types included. */
const FILE_IMPORTS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  SOURCES.map(({ path, imports }) => [
    path,
    new Set(imports.filter(({ isFile, isDynamic }) => isFile && !isDynamic).map(({ target }) => target)),
  ]),
)

/** The files that may be at the root of `lib/`. Each counts as a folder of its own. */
const LIB_ROOT = ['lib/index.ts', 'lib/progress.ts', 'lib/settings.ts', 'lib/slices.ts']

/** What a file of a destination may be called; the same name is the same part in each. */
const DESTINATION_FILES = [
  'comments.ts',
  'connection.ts',
  'dialect.ts',
  'driver.ts',
  'failures.ts',
  'index.ts',
  'ledger.ts',
  'lock.ts',
  'tables.ts',
  'url.ts',
  'views.ts',
  'write.ts',
]

/** What each folder imports from other folders. */
function folderImports(): ReadonlyMap<string, ReadonlySet<string>> {
  const folderOf = (path: string) => (dirname(path) === 'lib' ? path : dirname(path))
  const folders = new Map<string, Set<string>>()
  for (const [path, targets] of FILE_IMPORTS) {
    const folder = folderOf(path)
    const others = [...targets].map(folderOf).filter((target) => target !== folder)
    folders.set(folder, new Set([...(folders.get(folder) ?? []), ...others]))
  }
  return folders
}

/** The first cycle in a graph, as the names along it; undefined if there is none. */
function cycleIn(graph: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] | undefined {
  const done = new Set<string>()
  const visit = (name: string, path: readonly string[]): readonly string[] | undefined => {
    const start = path.indexOf(name)
    if (start >= 0) return [...path.slice(start), name]
    if (done.has(name)) return undefined
    for (const target of graph.get(name) ?? []) {
      const found = visit(target, [...path, name])
      if (found !== undefined) return found
    }
    done.add(name)
    return undefined
  }
  for (const name of graph.keys()) {
    const found = visit(name, [])
    if (found !== undefined) return found
  }
  return undefined
}

describe('the parser of imports', () => {
  it('finds every kind of import', () => {
    const text = [
      "import a from 'a'",
      "import type { B } from './b.ts'",
      "import { type C } from './c.ts'",
      "import { type D, d } from './d.ts'",
      "import {\n  e,\n  type F,\n} from '@scope/e/sub'",
      "import './g.ts'",
      "export { h } from '../h.ts'",
      "export * from './i.ts'",
      "const j = await import('./j.ts')",
    ].join('\n')
    const found = importsOf('lib/x/y.ts', text).map(({ target, isType, isDynamic }) => [target, isType, isDynamic])
    expect(found).toEqual([
      ['a', false, false],
      ['lib/x/b.ts', true, false],
      ['lib/x/c.ts', true, false],
      ['lib/x/d.ts', false, false],
      ['@scope/e/sub', false, false],
      ['lib/x/g.ts', false, false],
      ['lib/h.ts', false, false],
      ['lib/x/i.ts', false, false],
      ['lib/x/j.ts', false, true],
    ])
  })

  it('finds the file of each import', () => {
    expect(SOURCES.length).toBeGreaterThan(50)
    const missing = offences(SOURCES, ({ target, isFile }) => isFile && !BY_PATH.has(target))
    expect(missing).toEqual([])
  })
})

describe('the directions of imports', () => {
  it('lib knows neither the commands nor the destinations; only its index puts both together', () => {
    const found = offences(under('lib'), ({ target }) => /^(?:cmd|destinations)\//.test(target))
    expect(found).toEqual(['lib/index.ts -> destinations/index.ts'])
  })

  it('nothing in lib, and no destination, imports the index', () => {
    const others = [...under('lib'), ...under('destinations')]
    expect(offences(others, ({ target }) => target === 'lib/index.ts')).toEqual([])
  })

  it('destinations know lib, their own files and their own driver, and nothing of the commands or of each other', () => {
    const wrong = offences(under('destinations'), ({ target, isFile }, { path }) => {
      const folder = /^destinations\/[^/]+\//.exec(path)?.[0]
      if (isFile) return !target.startsWith('lib/') && !target.startsWith(folder ?? 'destinations/')
      return !target.startsWith('node:') && folder === undefined
    })
    expect(wrong).toEqual([])
  })

  it('no two destinations share a driver', () => {
    const users = new Map<string, Set<string>>()
    for (const { path, imports } of under('destinations')) {
      for (const { target, isFile } of imports) {
        if (isFile || target.startsWith('node:')) continue
        const name = packageOf(target)
        users.set(name, (users.get(name) ?? new Set()).add(path.split('/')[1] ?? ''))
      }
    }
    expect([...users].filter(([, folders]) => folders.size > 1)).toEqual([])
  })

  it('a destination is loaded only when it is named', () => {
    const index = SOURCES.filter(({ path }) => path === 'destinations/index.ts')
    expect(
      offences(index, ({ target, isType, isDynamic }) => target.startsWith('destinations/') && !isType && !isDynamic),
    ).toEqual([])
  })

  it('only the commands know the packages that read a command line or write to a terminal', () => {
    const shell = ['yargs', 'pino', 'log-update', '@clack/prompts']
    const others = [...under('lib'), ...under('destinations')]
    expect(offences(others, ({ target, isFile }) => !isFile && shell.includes(packageOf(target)))).toEqual([])
  })

  it('only two files print, and these make names and messages from outside harmless', () => {
    const printing = SOURCES.filter(({ code }) => /\bprocess\.(?:stdout|stderr)\b|\bconsole\./.test(code))
    expect(printing.map(({ path }) => path)).toEqual(['cmd/display.ts', 'cmd/terminal.ts'])
    const warning = SOURCES.filter(({ code }) => /\bemitWarning\b/.test(code))
    for (const { code } of warning) expect(code).not.toMatch(/emitWarning\((?!printableText\()/)
  })

  it('no files import each other in a cycle', () => {
    expect(cycleIn(FILE_IMPORTS)).toBeUndefined()
  })

  it('no folders import each other in a cycle', () => {
    expect(cycleIn(folderImports())).toBeUndefined()
  })

  it('finds a cycle where there is one', () => {
    const graph = new Map(Object.entries({ a: ['b'], b: ['c', 'd'], c: [], d: ['b'] }).map(([k, v]) => [k, new Set(v)]))
    expect(cycleIn(graph)).toEqual(['b', 'd', 'b'])
  })

  it('the root of lib has only the files that are allowed there', () => {
    const found = under('lib').filter(({ path }) => dirname(path) === 'lib')
    expect(found.map(({ path }) => path).sort()).toEqual(LIB_ROOT)
  })

  it('a program that sends loads neither the engine nor an HTTP server', () => {
    const packages = [...closureOf('lib/ingest/index.ts')].filter((target) => !/^(?:lib\/|node:)/.test(target))
    expect(packages.sort()).toEqual(['p-retry', 'undici'])
  })

  it('the simulator imports only what any program could use, and the line scanner', () => {
    const allowed = /^lib\/(?:core\/|time\/|scan\/line-scanner\.ts$|columns\/value-kinds\.ts$|simulator\/)/
    expect(offences(under('lib/simulator'), ({ target, isFile }) => isFile && !allowed.test(target))).toEqual([])
  })

  it('the files of a destination have the agreed names; others are in folders within', () => {
    const files = under('destinations')
      .map(({ path }) => path.split('/'))
      .filter((parts) => parts.length === 3)
    expect(files.length).toBeGreaterThan(30)
    const wrong = files.filter(([, , file = '']) => !DESTINATION_FILES.includes(file))
    expect(wrong.map((parts) => parts.join('/'))).toEqual([])
  })

  it('help loads no database', () => {
    const databases = /duckdb|^pg|postgres|bigquery|sqlite|mysql|parquet/
    expect([...closureOf('cmd/mixload.ts')].filter((target) => databases.test(target))).toEqual([])
  })
})

describe('what code may use', () => {
  it('only the commands use the command line, the environment, the exit code or the console', () => {
    const touch = /\bprocess\s*\.\s*(?:argv|env|exit|exitCode|stdout|stderr|stdin)\b|\bconsole\s*\./
    const wrong = [...under('lib'), ...under('destinations')].filter(({ code }) => touch.test(code))
    expect(wrong.map(({ path }) => path)).toEqual([])
    const imported = offences([...under('lib'), ...under('destinations')], ({ target }) =>
      ['node:process', 'process', 'node:console'].includes(target),
    )
    expect(imported).toEqual([])
  })

  it('the pure parts import nothing of Node', () => {
    const isPure = (path: string, name: string) => path.startsWith(`lib/${name}${name.endsWith('/') ? '' : '.ts'}`)
    expect(PURE.filter((name) => !SOURCES.some(({ path }) => isPure(path, name)))).toEqual([])
    const parts = SOURCES.filter(({ path }) => PURE.some((name) => isPure(path, name)))
    const wrong = parts.filter(({ path }) => [...closureOf(path)].some((target) => target.startsWith('node:')))
    expect(wrong.map(({ path }) => path)).toEqual([])
    expect(parts.filter(({ code }) => /\b(?:Buffer|process|require)\b/.test(code)).map(({ path }) => path)).toEqual([])
  })

  it('modules of Node are imported with the prefix node:', () => {
    const bareNames = [
      'fs',
      'path',
      'crypto',
      'stream',
      'zlib',
      'os',
      'url',
      'util',
      'child_process',
      'buffer',
      'timers',
    ]
    expect(
      offences(SOURCES, ({ target, isFile }) => !isFile && bareNames.includes(target.split('/')[0] ?? '')),
    ).toEqual([])
  })
})

describe('what is exported', () => {
  it('has a doc comment if it is a function or a class', () => {
    const bare = SOURCES.flatMap(({ path, text }) =>
      [...text.matchAll(/^export (?:async )?(?:function\*?|class) (\w+)/gm)]
        .filter(({ index }) => !/\*\/\s*$/.test(text.slice(0, index)))
        .map(([, name]) => `${path}: ${name}`),
    )
    expect(bare).toEqual([])
  })
})

describe('files', () => {
  it(`have at most ${LINES_MAX}lines, test files included`, () => {
    const long = ['cmd', 'lib', 'destinations', 'sql', 'test', 'bench', 'docs', 'examples'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(?:ts|sql|sh|py)$/.test(name))
        .map(
          (name) =>
            [join(folder, name), readFileSync(join(ROOT, folder, name), 'utf8').split('\n').length - 1] as const,
        )
        .filter(([, lines]) => lines > LINES_MAX),
    )
    expect(long).toEqual([])
  })
})
