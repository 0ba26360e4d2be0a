import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { projectsIn } from '../cmd/projects.ts'
import { generatedPages } from '../docs/generate/index.ts'
import { packagePath } from '../lib/core/package-root.ts'
import { LINE_BYTES_MAX } from '../lib/scan/body-reader.ts'
import { KEYS_PER_LINE_MAX } from '../lib/scan/line-scanner.ts'
import { NESTING_MAX } from '../lib/scan/value-scanner.ts'
import { resolveSettings, SETTINGS, type SettingName, variableOf } from '../lib/settings.ts'

const ROOT = packagePath()
const PAGES = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
].map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))

const TEST_VARIABLES = [
  'MIXLOAD_TEST_RUNS',
  'MIXLOAD_TEST_KILLS',
  'MIXLOAD_TEST_STAGE_KILLS',
  'MIXLOAD_TEST_PROGRAMS',
  'MIXLOAD_TEST_SEED',
  'MIXLOAD_TEST_BIGQUERY',
  'MIXLOAD_TEST_FIVETRAN',
]

/** Blocks of code in a page, those of a list included. */
function blocksOf(text: string, ...languages: readonly string[]): readonly string[] {
  return [...text.matchAll(/^ *```(\w*)\n([\s\S]*?)^ *```$/gm)]
    .filter(([, language = '']) => languages.includes(language))
    .map(([, , block = '']) => block)
}

/** Every `mixload …` that a page says to type, as its words, from blocks and from running text. */
function commandLinesOf(text: string): readonly (readonly string[])[] {
  const typed = blocksOf(text, 'sh', 'text', 'console').flatMap((block) =>
    [...block.replaceAll(/\\\n\s*/g, ' ').matchAll(/(?:^|[*;&$] +)mixload +([^#|&>\n]*)/gm)].map(
      ([, rest = '']) => rest,
    ),
  )
  const named = [...text.replaceAll(/```[\s\S]*?```/g, '').matchAll(/`mixload ([^`]+)`/g)].map(([, rest = '']) => rest)
  return [...typed, ...named].map((line) => line.trim().split(/\s+/))
}

/** The flags that the built command line lists. */
async function helpOf(...words: readonly string[]): Promise<string> {
  const program = packagePath('dist', 'cmd', 'mixload.js')
  return (await promisify(execFile)(process.execPath, [program, ...words, '--help'])).stdout
}

describe('the generated pages', () => {
  it.each(Object.entries(generatedPages()))(
    'docs/%s is up to date; if not, run node docs/generate/index.ts',
    (name, text) => {
      expect(readFileSync(join(ROOT, 'docs', name), 'utf8')).toBe(text)
    },
  )
})

describe('commands in the documentation', () => {
  const flags = new Map<string, ReadonlySet<string>>()
  beforeAll(async () => {
    const commands = [...(await helpOf()).matchAll(/^ {2}mixload (\w+)/gm)].map(([, command = '']) => command)
    await Promise.all(
      commands.map(async (command) => {
        const known = [...(await helpOf(command)).matchAll(/^ {2}(?:-h,| {3}) (--[\w-]+)/gm)].map(
          ([, flag = '']) => flag,
        )
        flags.set(command, new Set(known))
      }),
    )
  })

  it.each(PAGES.map(({ path, text }) => [path, text]))('%s names only commands and flags that exist', (_, text) => {
    const wrong = commandLinesOf(text).filter(([command = '', ...words]) => {
      if (command.startsWith('--')) return !['--help', '--version'].includes(command)
      const known = flags.get(command)
      return words.some((word) => word.startsWith('--') && known?.has(word) !== true) || known === undefined
    })
    expect(wrong).toEqual([])
  })

  it('are found in blocks and in running text', () => {
    const text =
      '`mixload a`\n\n```sh\nmixload b --x y   # why\nFOO=1 && mixload c\n```\n\n```text\n0 4 * * * mixload d --z 2>> log\n```\n'
    expect(commandLinesOf(text)).toEqual([['b', '--x', 'y'], ['c'], ['d', '--z', '2'], ['a']])
  })

  it('have every flag in docs/settings.md', () => {
    const text = PAGES.find(({ path }) => path === 'docs/settings.md')?.text ?? ''
    const missing = [...flags].flatMap(([command, known]) =>
      [...known].filter((flag) => !text.includes(`\`${flag}\``)).map((flag) => `${command} ${flag}`),
    )
    expect(missing).toEqual([])
  })

  it('are complete', () => {
    const named = new Set(PAGES.flatMap(({ text }) => commandLinesOf(text).map(([command]) => command)))
    expect(flags.size).toBeGreaterThan(5)
    expect([...flags.keys()].filter((command) => !named.has(command))).toEqual([])
  })
})

describe('the documentation', () => {
  it.each(PAGES.map(({ path, text }) => [path, text]))('%s links only to what exists', (path, text) => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
    const missing = links.filter((link) => {
      if (/^https?:/.test(link)) return false
      const [file = '', anchor] = link.split('#')
      const target = file === '' ? path : join(dirname(path), file)
      if (!existsSync(join(ROOT, target))) return true
      return anchor !== undefined && !anchorsOf(readFileSync(join(ROOT, target), 'utf8')).has(anchor)
    })
    expect(missing).toEqual([])
  })

  it.each(PAGES.map(({ path, text }) => [path, text]))('%s names only files and variables that exist', (_, text) => {
    const files = [...text.matchAll(/`((?:cmd|lib|destinations|sql|bench|test|docs)\/[\w./-]*)`/g)].map(
      ([, file = '']) => file,
    )
    expect(files.filter((file) => !file.includes('NAME') && !existsSync(join(ROOT, file)))).toEqual([])
    const known = (Object.keys(SETTINGS) as SettingName[]).flatMap((name) => variableOf(name) ?? [])
    const variables = [...text.matchAll(/\b(?:MIXLOAD|MIXPANEL)_[A-Z_]+\b/g)].map(([name]) => name)
    expect(variables.filter((name) => ![...known, ...TEST_VARIABLES].includes(name))).toEqual([])
  })

  it.each(PAGES.flatMap(({ path, text }) => blocksOf(text, 'yaml').map((block) => [path, block] as const)))(
    '%s shows settings files that are valid',
    (_, block) => {
      const { projects, ...common } = parse(block)
      const all = projectsIn(projects, common, {}) ?? [{ settings: common }]
      for (const { settings } of all) expect(() => resolveSettings({}, {}, settings)).not.toThrow()
    },
  )

  it('has a line for every folder of lib in CONTRIBUTING.md', () => {
    const text = PAGES.find(({ path }) => path === 'CONTRIBUTING.md')?.text ?? ''
    const folders = readdirSync(join(ROOT, 'lib'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(folders.length).toBeGreaterThan(5)
    expect(folders.map(({ name }) => name).filter((name) => !text.includes(`| \`lib/${name}/\``))).toEqual([])
  })

  it('has the actual limits of a line', () => {
    const text = PAGES.find(({ path }) => path === 'docs/reliability.md')?.text
    for (const [name, value] of Object.entries({ LINE_BYTES_MAX, NESTING_MAX, KEYS_PER_LINE_MAX })) {
      expect(text).toMatch(new RegExp(`\\| \`${name}\` +\\| ${value.toLocaleString('en')} `))
    }
  })
})

/** The anchors that headings make. */
function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...text.matchAll(/^#+ +(.+)$/gm)].map(([, heading = '']) => heading)
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}
