/** What the columns of a warehouse hold, in one or two sentences. */
import type { FixedColumn } from '../columns/catalogue.ts'
import type { Column } from '../columns/column.ts'

/** Descriptions of properties, by name. */
export type PropertyDescriptions = Readonly<Record<string, { readonly description: string }>>

/** What is known about the columns of a table, whether or not they exist. */
export interface KnownColumns {
  readonly columns: readonly FixedColumn[]
  readonly properties: PropertyDescriptions
}

/** What else a comment says about a column. */
export interface ColumnDetails {
  /** The words of Mixpanel's Lexicon, which precede those of the catalogue. */
  readonly lexicon: PropertyDescriptions
  /** The column that takes the values that do not fit; undefined if there is none. */
  readonly companion: Column | undefined
  /** When the column was made; undefined if it came with the table. */
  readonly firstSeenAt: Date | undefined
}

/** What a column holds: as the catalogue has it, else where its values come from. */
export function meaningOf(
  { columns, properties }: KnownColumns,
  { name, role, property, owner }: Column,
  lexicon: PropertyDescriptions,
): string {
  if (role === 'companion') return `Values of the property ${property} that do not fit into ${owner}, as text`
  if (role === 'overflow') return 'Properties that have no column of their own, as one object'
  const known = columns.find((column) => column.name === name)?.description
  if (known !== undefined) return known
  for (const described of [lexicon, properties]) {
    if (property !== null && Object.hasOwn(described, property)) return described[property]?.description ?? ''
  }
  return property === null ? 'Made by mixload' : propertyName(property)
}

/**
 * The comment on a column: what it holds, of which property, when it was first seen, and where the
 * values are that do not fit. What may be added later comes last.
 */
export function columnComment(known: KnownColumns, column: Column, details: ColumnDetails): string {
  const { lexicon, companion, firstSeenAt } = details
  const { role, property } = column
  const meaning = meaningOf(known, column, lexicon)
  const origin = property === null || role === 'companion' ? meaning : propertyName(property)
  return sentences([
    meaning,
    ...(origin === meaning ? [] : [origin]),
    ...(role === 'fixed' || firstSeenAt === undefined ? [] : [`First seen ${firstSeenAt.toISOString().slice(0, 10)}`]),
    ...(companion === undefined ? [] : [`Values that do not fit are in ${companion.name}, as text`]),
  ])
}

/** Texts as sentences, each with a full stop. */
export function sentences(texts: readonly string[]): string {
  return texts.map((text) => (/[.!?]$/.test(text) ? text : `${text}.`)).join(' ')
}

function propertyName(property: string): string {
  return `Property ${property}`
}
