/** What a dialect quotes names with: standard SQL's double quotes, or BigQuery's backticks. */
export type NameQuote = '"' | '`'

/** An identifier, quoted. The only place that quotes names. */
export function quoteName(name: string, quote: NameQuote = '"'): string {
  if (name.includes('\0')) throw new TypeError('an SQL identifier cannot hold NUL')
  // BigQuery's backticks know escapes like those of its texts, and no doubling.
  if (quote === '`') return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``
  return `"${name.replaceAll('"', '""')}"`
}

/** `schema.table`, each part quoted. */
export function quotePath(...parts: readonly string[]): string {
  return parts.map((part) => quoteName(part)).join('.')
}

/** A text literal in standard SQL, where only the quote itself is special. */
export function quoteText(text: string): string {
  if (text.includes('\0')) throw new TypeError('an SQL text literal cannot hold NUL')
  return `'${text.replaceAll("'", "''")}'`
}

/** A text literal in the SQL that quotes names with backticks: BigQuery's, where a backslash is special. */
export function quoteBigQueryText(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
  return `'${escaped.replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`
}
