/** An identifier for any of the dialects that quote with double quotes. The only place that quotes names. */
export function quoteName(name: string): string {
  if (name.includes('\0')) throw new TypeError('an SQL identifier cannot hold NUL')
  return `"${name.replaceAll('"', '""')}"`
}

/** `schema.table`, each part quoted. */
export function quotePath(...parts: readonly string[]): string {
  return parts.map(quoteName).join('.')
}

/** A text literal in standard SQL, where only the quote itself is special. */
export function quoteText(text: string): string {
  if (text.includes('\0')) throw new TypeError('an SQL text literal cannot hold NUL')
  return `'${text.replaceAll("'", "''")}'`
}
