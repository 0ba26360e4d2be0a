import { basename, join } from 'node:path'
import { replaceFile } from '../../lib/core/replace-file.ts'
import type { KnownColumn, LoadRecord } from '../../lib/destination/contract.ts'
import { COLUMNS } from '../../lib/destination/ledger.ts'
import { columnOf, columnRow, loadOf, typedRow, untypedRow } from '../../lib/destination/ledger-row.ts'
import { readFields, readLines } from './files/commit-file.ts'
import { namesIn } from './files/file-system.ts'
import { fileName, type Layout } from './files/layout.ts'

/** Files that are read at once. */
const READS = 32

/** The ledger: one file per commit, which never changes, and one per table for its columns. */
export class Ledger {
  readonly #layout: Layout
  readonly #read = new Map<string, LoadRecord>()

  constructor(layout: Layout) {
    this.#layout = layout
  }

  async loads(): Promise<readonly LoadRecord[]> {
    const names = await jsonNamesIn(this.#layout.loads)
    const records: LoadRecord[] = []
    for (let at = 0; at < names.length; at += READS) {
      records.push(...(await Promise.all(names.slice(at, at + READS).map((name) => this.#load(name)))))
    }
    return records
  }

  async hasLoads(): Promise<boolean> {
    return (await jsonNamesIn(this.#layout.loads)).length > 0
  }

  /** The path of the next commit. */
  async nextPath(loadId: string): Promise<string> {
    const last = (await jsonNamesIn(this.#layout.loads)).at(-1)
    const number = last === undefined ? 1 : Number.parseInt(last, 10) + 1
    return join(this.#layout.loads, `${String(number).padStart(9, '0')}-${fileName(loadId)}.json`)
  }

  /** The names of the tables that have columns. */
  async tables(): Promise<readonly string[]> {
    const tables: string[] = []
    for (const name of await jsonNamesIn(this.#layout.columns)) {
      const [first] = await readLines(join(this.#layout.columns, name))
      tables.push(typeof first?.table_name === 'string' ? first.table_name : basename(name, '.json'))
    }
    return tables
  }

  async columns(table: string): Promise<readonly KnownColumn[]> {
    const path = this.#columnsPath(table)
    if (!(await namesIn(this.#layout.columns)).includes(basename(path))) return []
    return (await readLines(path)).map((fields) => columnOf(untypedRow(fields)).column)
  }

  /** Writes all columns of a table. */
  async putColumns(table: string, columns: readonly KnownColumn[]): Promise<void> {
    const lines = columns.map((column) => JSON.stringify(typedRow(COLUMNS, columnRow({ ...column, table }))))
    await replaceFile(this.#columnsPath(table), lines.map((line) => `${line}\n`).join(''), { isDurable: true })
  }

  #columnsPath(table: string): string {
    return join(this.#layout.columns, `${fileName(table)}.json`)
  }

  async #load(name: string): Promise<LoadRecord> {
    const known = this.#read.get(name)
    if (known !== undefined) return known
    const record = loadOf(untypedRow(await readFields(join(this.#layout.loads, name))))
    this.#read.set(name, record)
    return record
  }
}

async function jsonNamesIn(directory: string): Promise<readonly string[]> {
  return (await namesIn(directory)).filter((name) => name.endsWith('.json'))
}
