/** Which part of a stream a load holds, and the text that says so in the ledger. */
import { isObject, parseJson } from '../core/json.ts'

/**
 * What a request is narrowed to; an empty scope is the whole stream. To narrow requests in another way, add a field here,
 * to {@link scopeFrom} and to {@link exportScope}: nothing else looks at the fields.
 */
export interface Scope {
  /** Only events of these names, which are sorted. */
  readonly events?: readonly string[]
}

/** What a load holds. */
export type Selection =
  /** All rows of the scope, on the days of the load. */
  | { readonly kind: 'complete'; readonly scope: Scope }
  /** Of those, only what Mixpanel processed after `since`, in milliseconds since 1970. */
  | { readonly kind: 'late'; readonly scope: Scope; readonly since: number }
  /** The events of a file, given by its name without its directory, its size on disk and the hash of its bytes. */
  | { readonly kind: 'file'; readonly file: string; readonly bytes: number; readonly sha256: string }
  /** Something that this version does not write, as it stands in the ledger. It counts for nothing. */
  | { readonly kind: 'unknown'; readonly text: string }

/** The scope of the whole stream. */
export const WHOLE: Scope = {}

/** A load of the whole stream. */
export const EVERYTHING: Selection = { kind: 'complete', scope: WHOLE }

/** The scope of a raw export. `events`: the names of the events that are requested; undefined for all. */
export function exportScope(events: readonly string[] | undefined): Scope {
  return events === undefined ? WHOLE : { events: [...events].sort() }
}

/** What a request selects: all rows of a scope, or with `since` those that Mixpanel processed after that moment. */
export function requestSelection(scope: Scope, since?: number): Selection {
  return since === undefined ? { kind: 'complete', scope } : { kind: 'late', scope, since }
}

/** The scope of the request that a load was read with; undefined if there was none, or if it is not known. */
export function scopeOf(selection: Selection): Scope | undefined {
  switch (selection.kind) {
    case 'complete':
    case 'late':
      return selection.scope
    case 'file':
    case 'unknown':
      return undefined
  }
}

/** Whether two scopes are the same. */
export function isSameScope(one: Scope, other: Scope): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** Whether everything that is `wanted` is in what was `loaded`. */
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
    case 'unknown':
      return selection.text
  }
}

/**
 * The selection of a text in the ledger. What is not to the letter as this version writes it is unknown: another version
 * may mean more by it.
 */
export function parseSelection(text: string): Selection {
  const selection = text === '' ? EVERYTHING : selectionFrom(parseJson(text))
  const isKnown = selection !== undefined && formatSelection(selection) === text
  return isKnown ? selection : { kind: 'unknown', text }
}

function selectionFrom(json: unknown): Selection | undefined {
  if (!isObject(json)) return undefined
  const { file, bytes, sha256, late_since: since } = json
  if (typeof file === 'string' && typeof bytes === 'number' && typeof sha256 === 'string') {
    return { kind: 'file', file, bytes, sha256 }
  }
  if (since !== undefined && typeof since !== 'number') return undefined
  return requestSelection(scopeFrom(json), since)
}

function scopeFrom({ events }: Readonly<Record<string, unknown>>): Scope {
  const isListOfNames = Array.isArray(events) && events.every((name) => typeof name === 'string')
  return exportScope(isListOfNames ? events : undefined)
}
