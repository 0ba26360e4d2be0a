import { basename, join } from 'node:path'
import { replaceFile } from '../../lib/core/replace-file.ts'
import type { KnownColumn, LoadRecord } from '../../lib/destination/contract.ts'
import { COLUMNS } from '../../lib/destination/ledger.ts'
import { columnOf, columnRow, loadOf, typedRow, untypedRow } from '../../lib/destination/ledger-row.ts'
import { type Fields, readFields, readLines } from './files/commit-file.ts'
import { namesIn } from './files/file-system.ts'
import { fileName, type Layout } from './files/layout.ts'

/** How many files are read at once. */
const READS = 32

/** The commits of a directory. Each is a file that is never written again. */
export class LoadLog {
  readonly #directory: string
  readonly #read = new Map<string, LoadRecord>()

  constructor({ loads }: Layout) {
    this.#directory = loads
  }

  async records(): Promise<readonly LoadRecord[]> {
    const names = await this.#names()
    const records: LoadRecord[] = []
    for (let at = 0; at < names.length; at += READS) {
      records.push(...(await Promise.all(names.slice(at, at + READS).map((name) => this.#record(name)))))
    }
    return records
  }

  /** Where the next commit goes. */
  async nextPath(loadId: string): Promise<string> {
    const last = (await this.#names()).at(-1)
    const number = last === undefined ? 1 : Number.parseInt(last, 10) + 1
    return join(this.#directory, `${String(number).padStart(9, '0')}-${fileName(loadId)}.json`)
  }

  async isEmpty(): Promise<boolean> {
    return (await this.#names()).length === 0
  }

  async #names(): Promise<readonly string[]> {
    return (await namesIn(this.#directory)).filter((name) => name.endsWith('.json'))
  }

  async #record(name: string): Promise<LoadRecord> {
    const known = this.#read.get(name)
    if (known !== undefined) return known
    const record = loadOf(untypedRow(await readFields(join(this.#directory, name))))
    this.#read.set(name, record)
    return record
  }
}

/** The columns of each table, a file for each. */
export class ColumnLog {
  readonly #directory: string

  constructor({ columns }: Layout) {
    this.#directory = columns
  }

  async tables(): Promise<readonly string[]> {
    const tables: string[] = []
    for (const name of await namesIn(this.#directory)) {
      if (name.endsWith('.json')) tables.push(decodedTable(await readLines(join(this.#directory, name)), name))
    }
    return tables
  }

  async of(table: string): Promise<readonly KnownColumn[]> {
    const path = this.#path(table)
    if (!(await namesIn(this.#directory)).includes(basename(path))) return []
    return (await readLines(path)).map((fields) => columnOf(untypedRow(fields)).column)
  }

  /** Writes down all columns of a table. */
  async put(table: string, columns: readonly KnownColumn[]): Promise<void> {
    const lines = columns.map((column) => typedRow(COLUMNS, columnRow({ ...column, table })))
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    await replaceFile(this.#path(table), text, { isDurable: true })
  }

  #path(table: string): string {
    return join(this.#directory, `${fileName(table)}.json`)
  }
}

function decodedTable(lines: readonly Fields[], name: string): string {
  const table = lines[0]?.table_name
  return typeof table === 'string' ? table : basename(name, '.json')
}
