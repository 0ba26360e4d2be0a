/** Matches a number, possibly with a range or a unit, or a missing value. */
const NUMBER = /^[-+]?\d|^(NULL|–)$/

/** Formats rows as a table. Columns of numbers are right-aligned. */
export function textTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, index) =>
    Math.max(...[heading, ...rows.map((row) => row[index] ?? '')].map(width)),
  )
  const areNumbers = headings.map((_, index) => rows.length > 0 && rows.every((row) => NUMBER.test(row[index] ?? '')))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => {
        const space = ' '.repeat((widths[index] ?? 0) - width(cell))
        return areNumbers[index] ? space + cell : cell + space
      })
      .join('  ')
      .trimEnd()
  return [line(headings), line(widths.map((count) => '-'.repeat(count))), ...rows.map(line)].join('\n')
}

/** Counts characters as a reader does. */
function width(text: string): number {
  return [...text].length
}
