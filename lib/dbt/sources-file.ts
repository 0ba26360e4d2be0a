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

/** The new text of a sources file, and what was added: tables, and columns as `table.column`. */
export interface MergedFile {
  readonly text: string
  readonly added: readonly string[]
  /** Columns, as `table.column`, whose description now comes from the Lexicon. */
  readonly described: readonly string[]
}

/** Where the source records the newest column of each table that was ever written. */
const MEMORY = ['config', 'meta', 'mixload_tables']

/**
 * Adds to a file what it has never had, and changes nothing that the user has written, changed or
 * removed. Columns are only added at a table's end, so the newest written one shows which are new.
 * @throws MixloadError CONFIG_INVALID if the file is not a sources file.
 */
export function mergedFile(text: string | undefined, source: Source, path: string): MergedFile {
  const document = parseDocument(text ?? 'sources: []\n')
  const [error] = document.errors
  if (error !== undefined) throw unreadable(path, error.message)
  const sources = document.get('sources')
  if (!isSeq(sources)) throw unreadable(path, 'it has no list named sources')
  sources.flow = false
  const added: string[] = []
  const described: string[] = []
  const found = childNamed(sources, source.entry.name)
  const node = found ?? (nodeOf(document, { ...source.entry, tables: [] }) as YAMLMap)
  if (found === undefined) sources.add(node)
  const isAdded = addTables(document, node, source.tables, path, added)
  for (const table of source.tables) described.push(...updateDescriptions(node, table))
  const isChanged = isAdded || described.length > 0
  return { text: isChanged ? textOf(document, styleOf(text)) : (text ?? ''), added, described }
}

/** Returns whether anything was added. */
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
      const existing = columns.length > 0 ? listIn(node, 'columns', path) : undefined
      for (const column of columns) existing?.add(nodeOf(document, column))
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

/** Replaces mixload's own descriptions with those of the Lexicon. */
function updateDescriptions(source: YAMLMap, { entry, columns, plainDescriptions }: SourceTable): readonly string[] {
  const tables = source.get('tables')
  const table = isSeq(tables) ? childNamed(tables, entry.name) : undefined
  const existing = table?.get('columns')
  if (!isSeq(existing)) return []
  const described: string[] = []
  for (const { name, description } of columns) {
    const plain = plainDescriptions.get(name)
    const node = childNamed(existing, name)?.get('description', true)
    if (plain === undefined || plain === description || !isScalar(node) || node.value !== plain) continue
    node.value = description
    quoteNew(node)
    described.push(`${entry.name}.${name}`)
  }
  return described
}

/** The columns after `last`; if that is unknown, those that the file does not have. */
function newColumns(table: YAMLMap, columns: readonly Entry[], last: unknown): readonly Entry[] {
  const existing = table.get('columns')
  const since = columns.findIndex(({ name }) => name === last) + 1
  return columns.slice(since).filter(({ name }) => !isSeq(existing) || childNamed(existing, name) === undefined)
}

/** The list to add to, created if it does not exist. */
function listIn(map: YAMLMap, key: string, path: string): YAMLSeq {
  if (map.get(key) == null) map.set(key, new YAMLSeq())
  const list = map.get(key)
  if (!isSeq(list)) throw unreadable(path, `${key} of ${map.get('name')} is not a list`)
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
  return list.items.find((item): item is YAMLMap => isMap(item) && item.get('name') === name)
}

/** Characters that dbt's YAML reader, unlike YAML, refuses or treats as line breaks. */
const NOT_FOR_PYTHON = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g

/** Texts that the `yaml` package writes as a block that loses their first spaces. */
const BLANK_LINES = /^[ \t]*\n[ \t\n]*$/

/** Texts that, without quotes, YAML 1.1 may read as a number, a date, a boolean or null. */
const OTHER_THAN_TEXT = /^[-+.\d=<~]|^(?:y|n|yes|no|on|off|true|false|null)$/i

/** A new node. Texts that dbt would misread are quoted. */
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

/** The text of the file, with escapes for characters that Python does not read. */
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

/** The style of a file, to keep it. */
function styleOf(text = ''): ToStringOptions {
  return {
    lineWidth: 0,
    indentSeq: !/^(\s*)\w+:\n\1- /m.test(text),
    // Two braces begin a template.
    flowCollectionPadding: /\[ \S|(?<!\{)\{ \S/.test(text),
  }
}

function unreadable(path: string, what: string): MixloadError {
  return new MixloadError('CONFIG_INVALID', `${path}: ${what}. Fix it, or use another file with --file.`)
}
