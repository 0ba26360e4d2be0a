/** Lets textlint read source files: comments and string literals are text, names are code. */
import type { TxtDocumentNode, TxtNode, TxtParentNode } from '@textlint/ast-node-types'
import type { TextlintPluginCreator, TextlintPluginProcessor } from '@textlint/types'
import { type Part, partsOf, SOURCE_EXTENSIONS } from './source-parts.ts'

const NODE_TYPES = { comment: 'Comment', string: 'Str', name: 'Code' } as const

class Processor implements TextlintPluginProcessor {
  availableExtensions(): string[] {
    return SOURCE_EXTENSIONS
  }

  processor(extension: string): ReturnType<TextlintPluginProcessor['processor']> {
    return {
      preProcess: (text) => documentOf(text, partsOf(text, extension)),
      postProcess: (messages, filePath = '') => ({ messages, filePath }),
    }
  }
}

/** A document of textlint's, with a node for each part. */
function documentOf(text: string, parts: readonly Part[]): TxtDocumentNode {
  const lineStarts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]
  let line = 0
  /** Offsets come in ascending order, except for the end of the document. */
  const position = (offset: number) => {
    while (line > 0 && (lineStarts[line] ?? 0) > offset) line--
    while ((lineStarts[line + 1] ?? Number.POSITIVE_INFINITY) <= offset) line++
    return { line: line + 1, column: offset - (lineStarts[line] ?? 0) }
  }
  const node = (type: TxtNode['type'], start: number, end: number) => ({
    type,
    raw: text.slice(start, end),
    range: [start, end] as const,
    loc: { start: position(start), end: position(end) },
  })
  const children = parts.map(({ kind, start, end }) => ({
    ...node(NODE_TYPES[kind], start, end),
    value: text.slice(start, end),
  }))
  // The types of these nodes are those of Markdown, which do not allow text right in a document.
  return { ...node('Document', 0, text.length), type: 'Document', children: children as TxtParentNode['children'] }
}

/** The plugin, as textlint takes it. */
export const SOURCE_PLUGIN: TextlintPluginCreator = { Processor }
