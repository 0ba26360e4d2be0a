import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { MixloadError, messageOf } from '../../lib/core/errors.ts'
import { replaceFile } from '../../lib/core/replace-file.ts'
import { alreadyLoaded } from '../../lib/destination/commit-rules.ts'
import type { KnownColumn, LoadRecord } from '../../lib/destination/contract.ts'
import { COLUMNS, LOADS } from '../../lib/destination/ledger.ts'
import { columnOf, columnRow, loadOf, loadRow, typedRow, untypedRow } from '../../lib/destination/ledger-row.ts'
import { namesIn } from './files.ts'
import { fileName, type Layout } from './layout.ts'

/** A data file that a load has added. */
export interface AddedFile {
  readonly table: string
  /** From the destination's directory. */
  readonly path: string
  readonly rows: number
  readonly bytes: number
}

/** What a load did to the files of tables, in the order of its steps. */
export interface FileChanges {
  readonly added: readonly AddedFile[]
  /** Paths from the destination's directory. */
  readonly removed: readonly string[]
}

type Fields = Readonly<Record<string, unknown>>

/** How many files are read at once. */
const READS = 32

/** The text of a commit's file: one line, with the columns of `_mixload_loads` and what became of files. */
export function commitText(record: LoadRecord, { added, removed }: FileChanges): string {
  return `${JSON.stringify({ ...typedRow(LOADS, loadRow(record)), added, removed })}\n`
}

/** What the file of a commit, of this run or of one that was killed, says about files. */
export async function readChanges(path: string): Promise<FileChanges> {
  const { added, removed } = await readFields(path)
  if (!Array.isArray(added) || !Array.isArray(removed)) throw unreadable(path, 'it names no files')
  return { added, removed }
}

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

  /** Where the next commit goes, and what it must be later than. */
  async next(loadId: string): Promise<{ readonly path: string; readonly after: Date | undefined }> {
    const names = await this.#names()
    const ending = `-${fileName(loadId)}.json`
    if (names.some((name) => name.slice(name.indexOf('-')) === ending)) throw alreadyLoaded(loadId)
    const last = names.at(-1)
    const number = last === undefined ? 1 : Number.parseInt(last, 10) + 1
    const path = join(this.#directory, `${String(number).padStart(9, '0')}${ending}`)
    return { path, after: last === undefined ? undefined : (await this.#record(last)).loadedAt }
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
    await replaceFile(this.#path(table), lines.map((line) => `${JSON.stringify(line)}\n`).join(''), { isDurable: true })
  }

  #path(table: string): string {
    return join(this.#directory, `${fileName(table)}.json`)
  }
}

function decodedTable(lines: readonly Fields[], name: string): string {
  const table = lines[0]?.table_name
  return typeof table === 'string' ? table : basename(name, '.json')
}

async function readFields(path: string): Promise<Fields> {
  const [fields] = await readLines(path)
  if (fields === undefined) throw unreadable(path, 'it is empty')
  return fields
}

async function readLines(path: string): Promise<readonly Fields[]> {
  const text = await readFile(path, 'utf8')
  try {
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Fields)
  } catch (error) {
    throw unreadable(path, messageOf(error), error)
  }
}

function unreadable(path: string, why: string, cause?: unknown): MixloadError {
  return new MixloadError(
    'DESTINATION_FAILED',
    `${path} is not as mixload wrote it: ${why}. Bring it back from a copy; without it mixload does not know what is loaded.`,
    { cause },
  )
}
