import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { packagePath } from '../../lib/core/package-root.ts'
import { partsOf } from '../../lint/source-parts.ts'

const STATEMENT = /\b(?:SELECT|FROM|WHERE|JOIN|COPY|INSERT|DELETE|ALTER|CREATE|WITH|AS|BY)\b/
/** A placeholder in a template; what it holds is a text of its own. */
const PLACEHOLDER = /\$\{(?:[^{}]|\{[^{}]*\})*\}/g

function filesUnder(folder: string, extension: string): readonly string[] {
  return readdirSync(packagePath(folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => extname(path) === extension)
    .map((path) => readFileSync(join(packagePath(folder), path), 'utf8'))
}

/** The texts of a source file that hold SQL. */
function statementsIn(source: string): readonly string[] {
  return partsOf(source, '.ts')
    .filter(({ kind }) => kind === 'string')
    .map(({ start, end }) => source.slice(start, end).replace(PLACEHOLDER, ' '))
    .filter((text) => STATEMENT.test(text))
}

/** The names in the SQL of mixload: what it calls columns, tables and common table expressions. */
export function namesInSql(): readonly string[] {
  const texts = [
    ...filesUnder('sql', '.sql'),
    ...['lib', 'destinations'].flatMap((folder) => filesUnder(folder, '.ts').flatMap(statementsIn)),
  ]
  const names = texts.flatMap((text) => [
    ...[...text.matchAll(/\bas\s+([a-z_]\w*)/gi)].map(([, name]) => name ?? ''),
    ...[...text.matchAll(/\b([a-z_]\w*)\s+as\s+\(/gi)].map(([, name]) => name ?? ''),
    ...[...text.matchAll(/\b([a-z_]\w*)\.([a-z_]\w*)?/gi)].flatMap(([, table = '', column = table]) => [table, column]),
  ])
  return [...new Set(names)].sort()
}
