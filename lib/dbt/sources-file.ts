import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  Scalar,
  type ToStringOptions,
  visit,
  YAMLMap,
  YAMLSeq,
} from 'yaml'
import { MixloadError } from '../core/errors.ts'
import type { Entry, Source, SourceTable } from './sources.ts'

/**
 * A file of sources as it is to be, and what was added to it: tables, and columns as
 * `table.column`.
 */
export interface MergedFile {
  readonly text: string
  readonly added: readonly string[]
  /**
   * Columns, as `table.column`, that are now described in the Lexicon's words, and were in
   * mixload's own.
   */
  readonly described: readonly string[]
}

/** Where the source remembers, for each table that was ever written, its newest column then. */
const MEMORY = ['config', 'meta', 'mixload_tables']

/**
 * Adds to a file what it has never had, and touches nothing else: not what the user has written,
 * changed or taken out. Columns only ever come at a table's end, so the newest one that was written
 * tells which ones are new.
 * @throws MixloadError CONFIG_INVALID for a file that is no file of sources.
 */
export function mergedFile(text: string | undefined, source: Source, path: string): MergedFile {
  const document = parseDocument(text ?? 'sources: []\n')
  const [error] = document.errors
  if (error !== undefined) throw unreadable(path, error.message)
  const sources = document.get('sources')
  if (!isSeq(sources)) throw unreadable(path, 'it has no list `sources`')
  sources.flow = false
  const added: string[] = []
  const described: string[] = []
  const found = childNamed(sources, source.entry.name)
  const node = found ?? (nodeOf(document, { ...source.entry, tables: [] }) as YAMLMap)
  if (found === undefined) sources.add(node)
  const isAdded = addTables(document, node, source.tables, path, added)
  for (const table of source.tables) described.push(...describeAnew(node, table))
  const isChanged = isAdded || described.length > 0
  return { text: isChanged ? textOf(document, styleOf(text)) : (text ?? ''), added, described }
}

/** Whether there was anything to write. */
function addTables(
  document: Document,
  source: YAMLMap,
  wanted: readonly SourceTable[],
  path: string,
  added: string[],
): boolean {
  let isChanged = false
  const tables = listIn(source, 'tables', path)
  for (const table of wanted) {
    const { name } = table.entry
    const memory = [...MEMORY, name]
    const last = source.getIn(memory)
    const node = childNamed(tables, name)
    if (node === undefined && last === undefined) {
      tables.add(nodeOf(document, { ...table.entry, ...(table.columns.length > 0 ? { columns: table.columns } : {}) }))
      added.push(name)
    } else if (node !== undefined) {
      const columns = newColumns(node, table.columns, last)
      if (columns.length > 0) addColumns(document, node, columns, path)
      added.push(...columns.map((column) => `${name}.${column.name}`))
    }
    const newest = table.columns.at(-1)?.name ?? ''
    if (last !== newest && (node !== undefined || last === undefined)) {
      remember(document, source, memory, newest)
      isChanged = true
    }
  }
  return isChanged || added.length > 0
}

/** Puts the Lexicon's words where mixload's own still stand. */
function describeAnew(source: YAMLMap, { entry, columns, plainDescriptions }: SourceTable): readonly string[] {
  const tables = source.get('tables')
  const table = isSeq(tables) ? childNamed(tables, entry.name) : undefined
  const there = table?.get('columns')
  if (!isSeq(there)) return []
  const described: string[] = []
  for (const { name, description } of columns) {
    const plain = plainDescriptions.get(name)
    const node = childNamed(there, name)?.get('description', true)
    if (plain === undefined || plain === description || !isScalar(node) || node.value !== plain) continue
    node.value = description
    quoteNew(node)
    described.push(`${entry.name}.${name}`)
  }
  return described
}

/**
 * Those that were made since the one that was the newest then; where that is not known, those that
 * are not there.
 */
function newColumns(table: YAMLMap, columns: readonly Entry[], last: unknown): readonly Entry[] {
  const there = table.get('columns')
  const since = columns.findIndex(({ name }) => name === last) + 1
  return columns.slice(since).filter(({ name }) => !isSeq(there) || childNamed(there, name) === undefined)
}

function addColumns(document: Document, table: YAMLMap, columns: readonly Entry[], path: string): void {
  const there = listIn(table, 'columns', path)
  for (const column of columns) there.add(nodeOf(document, column))
}

/** A list that is to be added to, made where there is none. */
function listIn(map: YAMLMap, key: string, path: string): YAMLSeq {
  if (map.get(key) == null) map.set(key, new YAMLSeq())
  const list = map.get(key)
  if (!isSeq(list)) throw unreadable(path, `the ${key} of ${map.get('name')} are no list`)
  list.flow = false
  return list
}

function remember(document: Document, source: YAMLMap, memory: readonly string[], value: string): void {
  let node = source
  for (const key of memory.slice(0, -1)) {
    const child = node.get(key)
    if (isMap(child)) node = child
    else {
      const made = new YAMLMap()
      node.set(key, made)
      node = made
    }
  }
  node.set(memory.at(-1), nodeOf(document, value))
}

function childNamed(list: YAMLSeq, name: string): YAMLMap | undefined {
  return list.items.find((item): item is YAMLMap => isMap(item) && isNamed(item, name))
}

function isNamed(item: YAMLMap, name: string): boolean {
  const found = item.get('name', true) as Scalar | undefined
  return found?.value === name
}

/**
 * Characters that Python's YAML, which dbt reads with, takes for the end of a line or refuses,
 * where YAML itself does not.
 */
const NOT_FOR_PYTHON = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g

/**
 * Texts that the `yaml` package writes as a block without saying how far it is indented. The first
 * spaces of such a text are lost when it is read.
 */
const BLANK_LINES = /^[ \t]*\n[ \t\n]*$/

/**
 * Texts that Python's YAML, which follows version 1.1, may read as a number, a date, a boolean or
 * null when they have no quotes.
 */
const OTHER_THAN_TEXT = /^[-+.\d=<~]|^(?:y|n|yes|no|on|off|true|false|null)$/i

/** A new node. Its texts are in quotes where dbt would read them as something else without. */
function nodeOf(document: Document, value: unknown): Node {
  const node = document.createNode(value) as Node
  visit(node, { Scalar: (_, scalar) => quoteNew(scalar) })
  return node
}

function quoteNew(scalar: Scalar): void {
  const { value } = scalar
  if (typeof value !== 'string') return
  // Python's YAML refuses a tab outside quotes.
  if (OTHER_THAN_TEXT.test(value) || BLANK_LINES.test(value) || value.includes('\t')) scalar.type = Scalar.QUOTE_DOUBLE
}

/** The text of the file, in which escapes stand for the characters that Python does not read. */
function textOf(document: Document, style: ToStringOptions): string {
  visit(document, {
    Scalar(_, scalar) {
      const { value } = scalar
      if (typeof value === 'string' && value.search(NOT_FOR_PYTHON) >= 0) scalar.type = Scalar.QUOTE_DOUBLE
    },
  })
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return document.toString(style).replace(NOT_FOR_PYTHON, escaped)
}

/** How a file is written, as far as it can be written in more than one way. */
function styleOf(text = ''): ToStringOptions {
  return {
    lineWidth: 0,
    indentSeq: !/^(\s*)\w+:\n\1- /m.test(text),
    // Two braces are a template's.
    flowCollectionPadding: /\[ \S|(?<!\{)\{ \S/.test(text),
  }
}

function unreadable(path: string, what: string): MixloadError {
  return new MixloadError('CONFIG_INVALID', `${path}: ${what}. Mend it, or name another file: --file.`)
}
