import type { BodySummary } from '../scan/body-reader.ts'
import { joinedDigests } from '../scan/line-digests.ts'
import type { SpooledRows } from '../transform/spooled-rows.ts'

/** Joins the rows of the parts of a slice, by table. The parts must be in the order of arrival. */
export function joinedRows(parts: readonly (readonly SpooledRows[])[]): readonly SpooledRows[] {
  const tables = parts[0] ?? []
  return tables.map((_, at) => joinedParts(parts.flatMap((part) => part[at] ?? [])))
}

function joinedParts(parts: readonly SpooledRows[]): SpooledRows {
  const [first, ...others] = parts
  // Fields accumulate over the parts, so the last part has all of them.
  const last = others.at(-1)
  if (first === undefined || last === undefined) return first as SpooledRows
  return {
    ...last,
    lines: parts.flatMap(({ lines }) => lines),
    rejects: parts.flatMap(({ rejects }) => rejects),
    summary: parts.map(({ summary }) => summary).reduce(joinedSummary),
    dayRows: joinedDays(parts),
    dayDigests: joinedDigests(parts.map(({ dayDigests }) => dayDigests)),
    areKeysDistinct: false,
  }
}

function joinedSummary(left: BodySummary, right: BodySummary): BodySummary {
  return {
    rows: left.rows + right.rows,
    rejects: left.rejects + right.rejects,
    bytes: left.bytes + right.bytes,
    damaged: left.damaged + right.damaged,
    foreign: left.foreign + right.foreign,
    undated: left.undated + right.undated,
    outside: left.outside + right.outside,
    longestLine: Math.max(left.longestLine, right.longestLine),
    longestReject: Math.max(left.longestReject, right.longestReject),
  }
}

/** Null if the days of any part are unknown. */
function joinedDays(parts: readonly SpooledRows[]): SpooledRows['dayRows'] {
  const days: Record<string, number> = {}
  for (const { dayRows } of parts) {
    if (dayRows === null) return null
    for (const [day, count] of Object.entries(dayRows)) days[day] = (days[day] ?? 0) + count
  }
  return days
}
