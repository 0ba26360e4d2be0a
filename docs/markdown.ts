const GENERATED = '<!-- Written by `node docs/generate.ts`. Change the code or that script, not this page. -->'

/** A page of these parts, which says that it is generated. */
export function page(title: string, ...parts: readonly string[]): string {
  return `${[title, GENERATED, ...parts].join('\n\n')}\n`
}

/** What is to be typed, or is in the code. */
export function code(text: string): string {
  return `\`${text}\``
}

/** A block of code. */
export function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``
}

/** A table in Markdown, its columns padded as the formatter wants them. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows].map((cells) => cells.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = headings.map((_, at) => Math.max(3, ...lines.map((cells) => cells[at]?.length ?? 0)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = lines
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}

/** The page with this text between its comments `<!-- NAME: ... -->` and `<!-- /NAME -->`. */
export function section(page: string, name: string, text: string): string {
  const begin = `<!-- ${name}: written by \`node docs/generate.ts\` -->`
  const end = `<!-- /${name} -->`
  const start = page.indexOf(begin)
  const stop = page.indexOf(end)
  if (start < 0 || stop < start) throw new Error(`The page has no ${begin} with ${end} after it.`)
  return `${page.slice(0, start + begin.length)}\n\n${text}\n\n${page.slice(stop)}`
}
