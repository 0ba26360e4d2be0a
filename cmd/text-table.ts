import { printableLine } from '../lib/core/printable.ts'

/** A number, which a range or a unit may follow, or the mark of a missing number. */
const NUMBER = /^[-+]?\d|^(NULL|–)?$/

/** Aligns columns under headings: numbers to the right, everything else to the left. */
export function textTable(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cellsOf = (row: readonly (string | number)[]) =>
    headings.map((_, column) => printableLine(String(row[column] ?? '')))
  const lines = [headings, ...rows.map(cellsOf)]
  const widths = headings.map((_, column) => Math.max(...lines.map((cells) => width(cells[column] ?? ''))))
  const areNumbers = headings.map((_, column) => rows.every((row) => NUMBER.test(String(row[column] ?? ''))))
  return lines
    .map((cells) =>
      cells
        .map((cell, column) => {
          const space = ' '.repeat((widths[column] ?? 0) - width(cell))
          return areNumbers[column] ? space + cell : cell + space
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Characters as a reader counts them. */
function width(text: string): number {
  return [...text].length
}
