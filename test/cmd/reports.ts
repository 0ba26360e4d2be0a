import { expect } from 'vitest'
import type { Workplace } from './run-mixload.ts'

/** An event as Mixpanel takes it. */
export function event(name: string, person: string, time: string, more: Readonly<Record<string, unknown>> = {}) {
  return {
    event: name,
    properties: { time: Date.parse(time), distinct_id: person, $insert_id: `${name}-${person}-${time}`, ...more },
  }
}

/** Rows of a report. */
export type ReportRows = readonly Readonly<Record<string, unknown>>[]

/** Runs a report, such as `funnel`, with its flags, and returns its rows. */
export async function reportRows(
  place: Workplace,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<ReportRows> {
  const { code, stdout, stderr } = await place.run(['report', ...words, '--json'], environment)
  expect({ code, stderr }).toMatchObject({ code: 0 })
  return JSON.parse(stdout).rows
}
