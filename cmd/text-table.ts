/** Cells under each other: texts to the left, numbers and their headings to the right. */
export function textTable(lines: readonly (readonly (string | number)[])[]): string {
  const widths = (lines[0] ?? []).map((_, at) => Math.max(...lines.map((cells) => String(cells[at] ?? '').length)))
  const padded = (cell: string | number, at: number) => {
    const width = widths[at] ?? 0
    return at === 0 ? String(cell).padEnd(width) : String(cell).padStart(width)
  }
  return lines.map((cells) => cells.map(padded).join('  ').trimEnd()).join('\n')
}
