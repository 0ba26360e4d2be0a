/** The part of a stream that a load covers, and its text in the ledger. */
import { isObject, parseJson } from '../core/json.ts'

/**
 * What a request is limited to. An empty scope is the whole stream. To limit requests in another
 * way, add a field here, in {@link exportScope} and in {@link scopeFrom}; no other code reads the
 * fields.
 */
export interface Scope {
  /** Only events of these names, which are sorted. */
  readonly events?: readonly string[]
}

/** What a load covers. */
export type Selection =
  /** All rows of the scope on the days of the load. */
  | { readonly kind: 'complete'; readonly scope: Scope }
  /** Only those rows that Mixpanel processed after `since`, in milliseconds since 1970. */
  | { readonly kind: 'late'; readonly scope: Scope; readonly since: number }
  /** The events of a file: its name without the directory, its size on disk and its hash. */
  | { readonly kind: 'file'; readonly file: string; readonly bytes: number; readonly sha256: string }
  /** Nothing. A replacement was held back: `table` has `before` rows, and would have `after`. */
  | { readonly kind: 'held-back'; readonly table: string; readonly before: number; readonly after: number }
  /** No rows: existing ones were brought to this form of the ledger, or searched again. */
  | { readonly kind: 'upgrade'; readonly form: number; readonly isAgain: boolean }
  /** No rows: so many existing ones, which only cost space, were removed. */
  | { readonly kind: 'tidy'; readonly removed: number }
  /** A text that this version does not write. Such a load covers nothing. */
  | { readonly kind: 'unknown'; readonly text: string }

/** The scope of the whole stream. */
export const WHOLE: Scope = {}

/** A load of the whole stream. */
export const EVERYTHING: Selection = { kind: 'complete', scope: WHOLE }

/** The scope of a raw export of these events; undefined for all events. */
export function exportScope(events: readonly string[] | undefined): Scope {
  return events === undefined ? WHOLE : { events: [...events].sort() }
}

/** What a request selects: all rows of a scope, or only those that were processed after `since`. */
export function requestSelection(scope: Scope, since?: number): Selection {
  return since === undefined ? { kind: 'complete', scope } : { kind: 'late', scope, since }
}

/** The scope of the request behind a load; undefined where there are no rows of a request. */
export function scopeOf(selection: Selection): Scope | undefined {
  switch (selection.kind) {
    case 'complete':
    case 'late':
      return selection.scope
    case 'file':
    case 'held-back':
    case 'upgrade':
    case 'tidy':
    case 'unknown':
      return undefined
  }
}

/** Whether a load only notes something: it has no rows, and requested none. */
export function isNote({ kind }: Selection): boolean {
  return kind === 'held-back' || kind === 'upgrade' || kind === 'tidy'
}

/** The same by the text in the ledger, as a condition in SQL. */
export const IS_NOTE = `(${['held_back', 'upgrade_to', 'again_to', 'tidied'].map((name) => `selection like '{"${name}"%'`).join(' or ')})`

/** Whether two scopes are the same. */
export function isSameScope(a: Scope, b: Scope): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** Whether a load of one scope has every row of another. */
export function coversScope(loaded: Scope, wanted: Scope): boolean {
  return isSameScope(loaded, WHOLE) || isSameScope(loaded, wanted)
}

/** The text of a selection in the ledger: JSON, or empty for everything. */
export function formatSelection(selection: Selection): string {
  switch (selection.kind) {
    case 'complete':
      return isSameScope(selection.scope, WHOLE) ? '' : JSON.stringify(selection.scope)
    case 'late':
      return JSON.stringify({ ...selection.scope, late_since: selection.since })
    case 'file': {
      const { file, bytes, sha256 } = selection
      return JSON.stringify({ file, bytes, sha256 })
    }
    case 'held-back': {
      const { table, before, after } = selection
      return JSON.stringify({ held_back: table, before, after })
    }
    case 'upgrade':
      return JSON.stringify({ [selection.isAgain ? 'again_to' : 'upgrade_to']: selection.form })
    case 'tidy':
      return JSON.stringify({ tidied: selection.removed })
    case 'unknown':
      return selection.text
  }
}

/**
 * The selection of a text in the ledger. A text is unknown unless this version would write exactly
 * the same, because another version may mean more by it.
 */
export function parseSelection(text: string): Selection {
  const selection = text === '' ? EVERYTHING : selectionFrom(parseJson(text))
  const isKnown = selection !== undefined && formatSelection(selection) === text
  return isKnown ? selection : { kind: 'unknown', text }
}

function selectionFrom(json: unknown): Selection | undefined {
  if (!isObject(json)) return undefined
  const {
    file,
    bytes,
    sha256,
    held_back: table,
    before,
    after,
    late_since: since,
    upgrade_to: form,
    again_to: again,
    tidied: removed,
  } = json
  if (typeof form === 'number') return { kind: 'upgrade', form, isAgain: false }
  if (typeof again === 'number') return { kind: 'upgrade', form: again, isAgain: true }
  if (typeof removed === 'number') return { kind: 'tidy', removed }
  if (typeof file === 'string' && typeof bytes === 'number' && typeof sha256 === 'string') {
    return { kind: 'file', file, bytes, sha256 }
  }
  if (typeof table === 'string' && typeof before === 'number' && typeof after === 'number') {
    return { kind: 'held-back', table, before, after }
  }
  if (since !== undefined && typeof since !== 'number') return undefined
  return requestSelection(scopeFrom(json), since)
}

function scopeFrom({ events }: Readonly<Record<string, unknown>>): Scope {
  const isListOfNames = Array.isArray(events) && events.every((name) => typeof name === 'string')
  return exportScope(isListOfNames ? events : undefined)
}
