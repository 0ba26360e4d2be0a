/** The quote of names in a dialect: double quotes in standard SQL, backticks in BigQuery. */
export type NameQuote = '"' | '`'

/** Quotes an identifier. No other code quotes identifiers. */
export function quoteName(name: string, quote: NameQuote = '"'): string {
  if (name.includes('\0')) throw new TypeError('an SQL identifier cannot hold NUL')
  // Within backticks BigQuery uses backslash escapes and does not double the quote.
  if (quote === '`') return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``
  return `"${name.replaceAll('"', '""')}"`
}

/** Quotes each part of a path such as `schema.table`. */
export function quotePath(...parts: readonly string[]): string {
  return parts.map((part) => quoteName(part)).join('.')
}

/** A text literal in standard SQL, where only the quote is special. */
export function quoteText(text: string): string {
  if (text.includes('\0')) throw new TypeError('an SQL text literal cannot hold NUL')
  return `'${text.replaceAll("'", "''")}'`
}

/** A text literal in BigQuery's SQL, where a backslash is special. */
export function quoteBigQueryText(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
  return `'${escaped.replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`
}
