import type { BodySummary } from '../scan/body-reader.ts'
import type { SpooledRows } from '../transform/spooled-rows.ts'

/**
 * The rows of several parts of one slice as one, by table. The parts must be in the order in which
 * they came.
 */
export function joinedRows(parts: readonly (readonly SpooledRows[])[]): readonly SpooledRows[] {
  const tables = parts[0] ?? []
  return tables.map((_, at) => joinedParts(parts.flatMap((part) => part[at] ?? [])))
}

function joinedParts(parts: readonly SpooledRows[]): SpooledRows {
  const [first, ...others] = parts
  // Fields are collected over all parts, so the last one knows them all.
  const last = others.at(-1)
  if (first === undefined || last === undefined) return first as SpooledRows
  return {
    ...last,
    lines: parts.flatMap(({ lines }) => lines),
    rejects: parts.flatMap(({ rejects }) => rejects),
    summary: parts.map(({ summary }) => summary).reduce(joinedSummary),
    dayRows: joinedDays(parts),
    areKeysDistinct: false,
  }
}

function joinedSummary(one: BodySummary, other: BodySummary): BodySummary {
  return {
    rows: one.rows + other.rows,
    rejects: one.rejects + other.rejects,
    bytes: one.bytes + other.bytes,
    damaged: one.damaged + other.damaged,
    undated: one.undated + other.undated,
    outside: one.outside + other.outside,
    longestLine: Math.max(one.longestLine, other.longestLine),
    longestReject: Math.max(one.longestReject, other.longestReject),
  }
}

/** Null where the days of one part are not known. */
function joinedDays(parts: readonly SpooledRows[]): SpooledRows['dayRows'] {
  const days: Record<string, number> = {}
  for (const { dayRows } of parts) {
    if (dayRows === null) return null
    for (const [day, count] of Object.entries(dayRows)) days[day] = (days[day] ?? 0) + count
  }
  return days
}
