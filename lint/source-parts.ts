/** What people read in a source file: comments, string literals, and names. */
import { parseSync, Visitor } from 'oxc-parser'

/** A part of a source file, by its offsets. */
export interface Part {
  readonly kind: 'comment' | 'string' | 'name'
  readonly start: number
  readonly end: number
}

/** How the parts of a file are found, by the ending of its name. */
const FINDERS: Readonly<Record<string, (text: string) => readonly Part[]>> = {
  '.ts': typescriptParts,
  '.sql': (text) => matches(text, SQL),
  '.sh': (text) => matches(text, HASH_COMMENTS),
  '.py': (text) => matches(text, HASH_COMMENTS),
  '.yml': (text) => [{ kind: 'string', start: 0, end: text.length }],
}

/** The endings of the files that {@link partsOf} can read. */
export const SOURCE_EXTENSIONS = Object.keys(FINDERS)

/**
 * The parts of a file, in the order of the file. Line comments that follow one another are one
 * part.
 */
export function partsOf(text: string, extension: string): readonly Part[] {
  const parts = FINDERS[extension]?.(text) ?? []
  return joined(
    parts.toSorted((a, b) => a.start - b.start),
    text,
  )
}

const SQL = /(?<string>'(?:[^']|'')*'|"(?:[^"]|"")*")|(?<comment>--[^\n]*|\/\*[\s\S]*?\*\/|\{#[\s\S]*?#\})/g
const HASH_COMMENTS = /(?<=^|\s)(?<comment>#[^\n]*)/gm

function matches(text: string, pattern: RegExp): readonly Part[] {
  return [...text.matchAll(pattern)].map((match) => ({
    kind: match.groups?.comment === undefined ? 'string' : 'comment',
    start: match.index,
    end: match.index + match[0].length,
  }))
}

function typescriptParts(text: string): readonly Part[] {
  const { program, comments, errors } = parseSync('source.ts', text)
  const [error] = errors
  if (error !== undefined) throw new Error(error.message)
  const parts: Part[] = comments.map(({ start, end }) => ({ kind: 'comment', start, end }))
  const skipped = new Set<number>()
  const note = (kind: Part['kind'], start: number, end: number) => {
    if (!skipped.has(start)) parts.push({ kind, start, end })
  }
  // The path of a module is not prose, and the visitor sees the import before its path.
  const skip = ({ source }: { source: { start: number } | null }) => {
    if (source !== null) skipped.add(source.start)
  }
  new Visitor({
    ImportDeclaration: skip,
    ExportNamedDeclaration: skip,
    ExportAllDeclaration: skip,
    ImportExpression: skip,
    // A member is read where it is declared; members of others, such as `some` of arrays, are not
    // ours to name.
    MemberExpression({ computed, property }) {
      if (!computed) skipped.add(property.start)
    },
    Literal(node) {
      if (typeof node.value === 'string') note('string', node.start, node.end)
    },
    TemplateElement: ({ start, end }) => note('string', start, end),
    // An identifier extends over its type.
    Identifier: ({ start, name }) => note('name', start, start + name.length),
    PrivateIdentifier: ({ start, name }) => note('name', start, start + name.length + 1),
  }).visit(program)
  return parts
}

/** Joins line comments with nothing but white space and one line end between them. */
function joined(parts: readonly Part[], text: string): readonly Part[] {
  const result: Part[] = []
  for (const part of parts) {
    const last = result.at(-1)
    const follows =
      last?.kind === 'comment' && part.kind === 'comment' && /^[ \t]*\n[ \t]*$/.test(text.slice(last.end, part.start))
    if (last !== undefined && follows) result[result.length - 1] = { ...last, end: part.end }
    else result.push(part)
  }
  return result
}
