/** The names of the tests in test/faults/, as a table for docs/reliability.md: what goes wrong, and what comes of it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { table } from './markdown.ts'

const FOLDER = join(import.meta.dirname, '..', 'test', 'faults')
const TITLE =
  /\b(describe|it)(?:\.concurrent)?(?:\.each(?:<[^(]*>)?\((?:[^()]|\([^()]*\))*\))?\(\s*(['`])((?:[^\\]|\\.)*?)\2/g
const BEGIN = '<!-- faults: written by `node docs/generate.ts` -->'
const END = '<!-- /faults -->'

/** The page with the table in it as the tests are now. */
export function withFaultTable(page: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < 0) throw new Error(`docs/reliability.md has no ${BEGIN} with ${END} after it`)
  return `${page.slice(0, begin + BEGIN.length)}\n\n${faultTable()}\n\n${page.slice(end)}`
}

function faultTable(): string {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.test.ts'))
  const rows = files.sort().flatMap((file) => {
    let group = ''
    return [...readFileSync(join(FOLDER, file), 'utf8').matchAll(TITLE)].flatMap(([, kind, , title = '']) => {
      if (kind === 'describe') {
        group = title
        return []
      }
      return [[group, title, `[\`${file.slice(0, -8)}\`](../test/faults/${file})`]]
    })
  })
  const shown = rows.map((row) => row.map((cell) => cell.replaceAll('%s', '…').replaceAll("\\'", "'")))
  return table(['Where', 'What happens: what comes of it', 'Test'], shown)
}
