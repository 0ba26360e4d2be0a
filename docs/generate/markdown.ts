const GENERATED = '<!-- Written by `node docs/generate/index.ts`. Change the code or that script, not this page. -->'

/** A page made of these parts, with a comment that it is generated. */
export function page(title: string, ...parts: readonly string[]): string {
  return `${[title, GENERATED, ...parts].join('\n\n')}\n`
}

/** Inline code. */
export function code(text: string): string {
  return `\`${text}\``
}

/** A code block. */
export function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``
}

/** A Markdown table with padded columns. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows].map((cells) => cells.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = headings.map((_, at) => Math.max(3, ...lines.map((cells) => cells[at]?.length ?? 0)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = lines
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}

/** The page with this text between its comments `<!-- NAME: ... -->` and `<!-- /NAME -->`. */
export function section(page: string, name: string, text: string): string {
  const begin = `<!-- ${name}: written by \`node docs/generate/index.ts\` -->`
  const end = `<!-- /${name} -->`
  const start = page.indexOf(begin)
  const stop = page.indexOf(end)
  if (start < 0 || stop < start) throw new Error(`The page has no ${begin} with ${end} after it.`)
  return `${page.slice(0, start + begin.length)}\n\n${text}\n\n${page.slice(stop)}`
}
