/** The most rejected lines: a number per run, or a share of the lines of each commit. */
export type MaxRejects =
  | { readonly kind: 'lines'; readonly most: number }
  | { readonly kind: 'percent'; readonly most: number }

/** The form that {@link parseMaxRejects} accepts. */
export const MAX_REJECTS = /^(\d+|\d+(?:\.\d+)?%)$/

/** Parses `100` as a number of lines and `0.5%` as a share. */
export function parseMaxRejects(text: string): MaxRejects {
  return text.endsWith('%')
    ? { kind: 'percent', most: Number(text.slice(0, -1)) }
    : { kind: 'lines', most: Number(text) }
}

/** Whether the limit is exceeded. `lines`: of the commit; `before`: earlier rejects of the run. */
export function isPast({ kind, most }: MaxRejects, rejects: number, lines: number, before: number): boolean {
  if (rejects === 0) return false
  return kind === 'lines' ? before + rejects > most : rejects * 100 > most * lines
}
