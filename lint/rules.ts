/** The rules of textlint that hold here: the words of words.yml, and the width of comments. */
import type { TxtNode } from '@textlint/ast-node-types'
import type { TextlintRuleReporter } from '@textlint/types'
import { occurrences, type Word, wordsOfName } from './words.ts'

const COMMENT_COLUMNS_MAX = 100

/**
 * Reports each word to avoid: wherever it is in prose, and once in a file as part of the same name.
 */
export const wordsRule: TextlintRuleReporter = (context) => {
  const names = new Set<string>()
  const report = (node: TxtNode, shown: string, { write, reason }: Word, range?: readonly [number, number]) => {
    const message = `“${shown.replaceAll(/\s+/g, ' ')}”: write “${write}”. ${reason}`
    context.report(node, {
      message,
      ...(range === undefined ? {} : { padding: context.locator.range(range) }),
    })
  }
  const prose = (node: TxtNode) => {
    const text = proseOf(context.getSource(node))
    for (const { word, start, end } of occurrences(text, 'prose'))
      report(node, text.slice(start, end), word, [start, end])
  }
  return {
    Str: prose,
    Comment: prose,
    Code(node) {
      const name = context.getSource(node)
      if (names.has(name)) return
      names.add(name)
      for (const { word } of occurrences(wordsOfName(name), 'names')) report(node, name, word)
    },
  }
}

/**
 * The text of a comment or string, with spaces for what marks a comment and for escapes, so that
 * offsets stay.
 */
function proseOf(source: string): string {
  return source.replaceAll(/^[ \t]*(\/\*\*?|\*\/|\*|\/\/|--|#)|\\./gm, (mark) => ' '.repeat(mark.length))
}

/**
 * Reports lines with a comment that end beyond column 100, except for an address, which cannot be
 * broken.
 */
export const commentWidthRule: TextlintRuleReporter = (context) => ({
  Comment(node) {
    const { column } = node.loc.start
    const lines = context.getSource(node).split('\n')
    lines.forEach((text, index) => {
      const columns = text.length + (index === 0 ? column : 0)
      if (columns <= COMMENT_COLUMNS_MAX || /https?:\/\/\S{60}/.test(text)) return
      context.report(node, {
        message: `A comment line has ${columns} columns; break it before column ${COMMENT_COLUMNS_MAX}.`,
        padding: context.locator.loc({
          start: { line: index, column: 0 },
          end: { line: index, column: text.length },
        }),
      })
    })
  },
})
