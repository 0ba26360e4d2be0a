import { printableLine } from '../lib/core/printable.ts'

/** A bar of a chart. */
export interface Bar {
  readonly label: string
  readonly value: number
}

/** Eighths of a character. */
const PARTS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const

/** Bars under each other, the longest as wide as there is room: at most `width` characters. */
export function barChart(bars: readonly Bar[], width: number): readonly string[] {
  const rows = bars.map(({ label, value }) => ({ label: printableLine(label), value, text: String(value) }))
  const lengthOf = (texts: readonly string[]) => Math.max(0, ...texts.map((text) => [...text].length))
  const labelWidth = lengthOf(rows.map(({ label }) => label))
  const room = Math.max(1, width - labelWidth - lengthOf(rows.map(({ text }) => text)) - 4)
  const most = Math.max(0, ...rows.map(({ value }) => value))
  return rows.map(({ label, value, text }) => {
    const eighths = most === 0 ? 0 : Math.round((Math.max(0, value) / most) * room * 8)
    const bar = '█'.repeat(Math.floor(eighths / 8)) + PARTS[eighths % 8]
    return `${label}${' '.repeat(labelWidth - [...label].length)}  ${bar}${bar === '' ? '' : ' '}${text}`
  })
}
