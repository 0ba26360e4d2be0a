import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja'
import { packagePath } from '../core/package-root.ts'

/** A value that a macro takes. */
export type MacroValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly MacroValue[]
  | { readonly [name: string]: MacroValue }

/** What dbt knows about names that are not macros. */
const CONSTANTS: Readonly<Record<string, unknown>> = {
  ...{ true: true, false: false, none: null },
  ...{ True: true, False: false, None: null },
  range: (start: number, end?: number, step = 1) => {
    const [first, last] = end === undefined ? [0, start] : [start, end]
    return Array.from({ length: Math.max(0, Math.ceil((last - first) / step)) }, (_, index) => first + index * step)
  },
}

/**
 * The text of a macro of `sql/dbt/macros/reports/`, as dbt renders it for a warehouse of this
 * dialect. Arguments are given by name. These macros use only what this renderer has, too: no
 * `return`, no `do`, and no macros of other folders.
 */
export function renderMacro(dialect: string, macro: string, values: Readonly<Record<string, MacroValue>>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined)
  const call = `{{ mixload.${macro}(${given.map(([name]) => `${name}=${name}`).join(', ')}) }}`
  const environment = new Environment()
  for (const [name, value] of Object.entries(CONSTANTS)) environment.set(name, value)
  environment.set('target', { type: dialect })
  for (const [name, value] of given) environment.set(name, value)
  const text = `${macros()}${call}`
  return new Interpreter(environment)
    .run(parse(tokenize(text)))
    .toString()
    .trim()
}

let read: string | undefined

/** All macros of reports, and the namespace under which they call each other. */
function macros(): string {
  if (read !== undefined) return read
  const folder = packagePath('sql', 'dbt', 'macros', 'reports')
  const files = readdirSync(folder).filter((name) => name.endsWith('.sql'))
  const text = files
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n')
  const names = [...text.matchAll(/\{%-?\s*macro\s+(\w+)/g)].map(([, name]) => `'${name}': ${name}`)
  read = `${text}{%- set mixload = {${names.join(', ')}} -%}`
  return read
}
