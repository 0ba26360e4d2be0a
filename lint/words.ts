/** The words of this project, from words.yml. */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'

const ENTRIES = z.array(
  z.strictObject({
    avoid: z.string(),
    write: z.string(),
    pattern: z.string(),
    in: z.enum(['prose', 'names']).optional(),
    reason: z.string(),
    wrong: z.array(z.string()).min(1),
    right: z.array(z.string()).default([]),
  }),
)

/** A word or phrase that is avoided here, and what to write instead. */
export type Word = z.infer<typeof ENTRIES>[number] & { readonly expression: RegExp }

/** Every word, in the order of the file. */
export const WORDS: readonly Word[] = ENTRIES.parse(
  parse(readFileSync(new URL('words.yml', import.meta.url), 'utf8')),
).map((entry) => ({ ...entry, expression: expressionOf(entry.pattern) }))

/** A phrase may be broken over two lines, so a space matches any white space. */
function expressionOf(pattern: string): RegExp {
  return new RegExp(pattern.replaceAll(' ', '\\s+'), 'gi')
}

/** Where a word occurs in a text. */
export interface Occurrence {
  readonly word: Word
  readonly start: number
  readonly end: number
}

/** The words to avoid in a text of this kind. */
export function occurrences(text: string, kind: 'prose' | 'names'): readonly Occurrence[] {
  return WORDS.filter((word) => word.in === undefined || word.in === kind).flatMap((word) =>
    [...text.matchAll(word.expression)].map((match) => ({
      word,
      start: match.index,
      end: match.index + match[0].length,
    })),
  )
}

/**
 * The words that a name consists of: `lineCount` is `line count`, `lib/run-loop.ts` is `lib run
 * loop ts`.
 */
export function wordsOfName(name: string): string {
  return name
    .replaceAll(/([\p{Ll}\d])(\p{Lu})/gu, '$1 $2')
    .replaceAll(/[^\p{L}\d]+/gu, ' ')
    .trim()
    .toLowerCase()
}
