/** Decides which comments a table and its views are to have, and which of them must be written. */
import type { Comments, KnownColumn } from '../destination/contract.ts'
import type { KnownTable } from './known-tables.ts'
import { columnComment, type PropertyDescriptions, sentences } from './sentences.ts'

/** A table, and the views that show its columns. */
export interface DescribedTable {
  readonly known: KnownTable
  readonly columns: readonly KnownColumn[]
  readonly views: readonly KnownTable[]
  readonly lexicon: PropertyDescriptions
}

/** Comments that a table or view is to have. */
export type WantedComments = Omit<Comments, 'kind'> & { readonly text: string }

/**
 * Which comments are written: `missing` leaves those that the user or an earlier run has written,
 * `all` replaces them.
 */
export type CommentScope = 'missing' | 'all'

/** The comments on a table and on the views over it. */
export function commentsOn({ known, columns, views, lexicon }: DescribedTable): readonly WantedComments[] {
  const companions = new Map(columns.flatMap((column) => (column.owner === undefined ? [] : [[column.owner, column]])))
  const texts = columns.map((column): readonly [string, string] => {
    const { name, firstSeenAt } = column
    return [name, columnComment(known, column, { lexicon, companion: companions.get(name), firstSeenAt })]
  })
  const ofView = ({ name, description, columns: own }: KnownTable): WantedComments => ({
    name,
    text: sentences([description]),
    columns: new Map([...texts, ...own.map((column) => [column.name, sentences([column.description])] as const)]),
  })
  return [{ name: known.name, text: sentences([known.description]), columns: new Map(texts) }, ...views.map(ofView)]
}

/** The comments on a table whose columns are all known, such as one of the ledger. */
export function commentsOnKnown({ name, description, columns }: KnownTable): WantedComments {
  return {
    name,
    text: sentences([description]),
    columns: new Map(columns.map((column) => [column.name, sentences([column.description])])),
  }
}

/**
 * The comments to write. Only tables, views and columns that exist get one. `bytesMax`: the most
 * bytes of a comment.
 */
export function commentsToWrite(
  wanted: readonly WantedComments[],
  existing: readonly Comments[],
  scope: CommentScope,
  bytesMax = Number.POSITIVE_INFINITY,
): readonly Comments[] {
  const byName = new Map(wanted.map((comments) => [comments.name, comments]))
  return existing.flatMap(({ name, kind, text, columns }) => {
    const target = byName.get(name)
    if (target === undefined) return []
    const isNew = (found: string | null, comment: string) =>
      found !== comment && (scope === 'all' || found === null || found === '' || isContinuedBy(found, comment))
    const changed = [...columns].flatMap(([column, found]): readonly (readonly [string, string])[] => {
      const comment = target.columns.get(column)
      if (comment == null) return []
      const stored = storable(comment, bytesMax)
      return isNew(found, stored) ? [[column, stored]] : []
    })
    const description = storable(target.text, bytesMax)
    const isTextNew = isNew(text, description)
    if (!isTextNew && changed.length === 0) return []
    return [{ name, kind, text: isTextNew ? description : null, columns: new Map(changed) }]
  })
}

/** Whether a comment is an earlier one with a sentence more, such as one about the companion. */
function isContinuedBy(earlier: string, comment: string): boolean {
  return earlier.endsWith('.') && comment.startsWith(`${earlier} `)
}

/** A text that every warehouse can store: well-formed, without NUL, and not too long. */
function storable(text: string, bytesMax: number): string {
  const clean = text.toWellFormed().replaceAll('\0', '\ufffd')
  const encoder = new TextEncoder()
  if (encoder.encode(clean).length <= bytesMax) return clean
  let bytes = encoder.encode('…').length
  let kept = ''
  for (const character of clean) {
    bytes += encoder.encode(character).length
    if (bytes > bytesMax) break
    kept += character
  }
  return `${kept}…`
}
