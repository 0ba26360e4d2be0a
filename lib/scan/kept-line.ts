import type { LineShape } from '../columns/table.ts'
import { isObject } from '../core/json.ts'
import { isRaw, losslessJson } from '../core/lossless-json.ts'

/** Returns a line without what is left out of the warehouse; undefined if that cannot be known. */
export type KeptLine = (text: string) => string | undefined

/**
 * A line with only those properties that `keeps` accepts; undefined if it is not a JSON object
 * whose properties can be listed. Always written again, because a member may be there twice.
 */
export function keptLine(
  text: string,
  { identity, properties }: LineShape,
  keeps: (property: string) => boolean,
): string | undefined {
  const line = losslessJson(text)
  if (!isObject(line)) return undefined
  const members: [string, unknown][] = []
  for (const [name, value] of Object.entries(line)) {
    if (name === identity) members.push([name, value])
    else if (name === properties) {
      if (!isObject(value) || isRaw(value)) return undefined
      members.push([name, Object.fromEntries(Object.entries(value).filter(([property]) => keeps(property)))])
    } else if (keeps(name)) members.push([name, value])
  }
  return JSON.stringify(Object.fromEntries(members))
}

/** What messages show of a line: of one that is not kept, only what Mixpanel itself says. */
export function shownLine(text: string, kept: string | undefined): string {
  if (kept !== undefined) return kept
  const [failure] = /(?:export )?terminated early\s*$/i.exec(text) ?? []
  return `${text.trimStart().startsWith('[') ? '[' : ''}…${failure ?? ''}`
}
