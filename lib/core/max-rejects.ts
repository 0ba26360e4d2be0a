/** The most lines that may be set aside: so many in a run, or such a share of those that one commit is made of. */
export type MaxRejects =
  | { readonly kind: 'lines'; readonly most: number }
  | { readonly kind: 'percent'; readonly most: number }

/** How {@link parseMaxRejects} takes it. */
export const MAX_REJECTS = /^(\d+|\d+(?:\.\d+)?%)$/

/** `100` is a number of lines, `0.5%` a share. */
export function parseMaxRejects(text: string): MaxRejects {
  return text.endsWith('%')
    ? { kind: 'percent', most: Number(text.slice(0, -1)) }
    : { kind: 'lines', most: Number(text) }
}

/** Whether this many lines set aside are too many. `lines`: all that the commit is made of; `before`: set aside in the run. */
export function isPast({ kind, most }: MaxRejects, rejects: number, lines: number, before: number): boolean {
  if (rejects === 0) return false
  return kind === 'lines' ? before + rejects > most : rejects * 100 > most * lines
}
