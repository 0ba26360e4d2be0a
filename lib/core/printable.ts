/** What a terminal obeys (C0, C1), what changes the order of letters, and what ends a line. */
const OBEYED = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu
const OBEYED_WITHIN_LINES = /[^\P{Cc}\n]|[\p{Bidi_Control}\u2028\u2029]/gu

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function visible(character: string): string {
  return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/**
 * A text that is printed as part of one line, with everything that a terminal would obey made
 * visible, such as `\u001b`: names and messages come from outside.
 */
export function printableLine(text: string): string {
  return text.replace(OBEYED, visible)
}

/**
 * A message that may have several lines. Those after the first are indented, so that none of them
 * looks like a line of its own.
 */
export function printableText(text: string): string {
  return text.replace(OBEYED_WITHIN_LINES, visible).replace(/\n(?=.)/g, '\n  ')
}

/** JSON of the same value in which nothing is left that a terminal would obey. */
export function printableJson(value: unknown): string {
  return printableLine(JSON.stringify(value))
}
