import type { RunSummary } from '../lib/run/run-slices.ts'
import { sliceName } from '../lib/slices.ts'
import type { Output } from './output.ts'
import type { StreamResult } from './stream-result.ts'
import { textTable } from './text-table.ts'

/** Says what became of a stream, as soon as that is known. */
export function printResult(output: Output, result: StreamResult): void {
  const { stream, outcome, error, late } = result
  output.end()
  output.json(resultJson(result))
  if (outcome === 'done') output.print(`${stream}: ${doneSentence(result)}`)
  else {
    const committed = result.slices === 0 ? '' : ` What was committed before stays: ${result.rows} rows.`
    output.print(`${stream}: ${outcome}. ${error?.message ?? ''}${committed}`)
  }
  for (const [day, count] of late ?? []) {
    output.print(count > 0 ? `  ${day}: +${count} late` : `  ${day}: ${-count} rows fewer than before`)
  }
  for (const [name, why] of result.leftOut) output.print(`${stream}: ${name} left out: ${why.message}`)
  printRemarks(output, stream, result, 'the days asked for')
}

function doneSentence({ days, slices, rows, otherRows, requests, bytes, seconds }: StreamResult): string {
  if (slices === 0 && days === 0) return 'nothing to load, every day is in the ledger'
  const others = Object.entries(otherRows).map(([table, count]) => ` and ${count} of ${table}`)
  const how = days === undefined ? 'copied whole' : `in ${slices} slices`
  const cost = `${requests} requests, ${(bytes / 1e6).toFixed(1)} MB, ${seconds.toFixed(1)} s`
  return `${rows} rows${others.join('')} ${how}, ${cost}`
}

function resultJson(result: StreamResult): unknown {
  const { stream, outcome, error, days, slices, rows, otherRows, late, newColumns, rejects, bytes, requests } = result
  return {
    stream,
    outcome,
    ...(error === undefined ? {} : { code: error.code, message: error.message }),
    ...(days === undefined ? {} : { days }),
    slices,
    requests,
    rows,
    ...(Object.keys(otherRows).length === 0 ? {} : { other_rows: otherRows }),
    ...(late === undefined ? {} : { late: Object.fromEntries(late), late_rows: lateTotal(result) }),
    new_columns: newColumns,
    rejects,
    bytes,
    undated: result.undated,
    outside: result.outside,
    ignored_values: result.ignoredValues,
    set_aside: result.setAside.map(({ slice, error: why }) => ({ ...slice, code: why.code, message: why.message })),
    left_out: [...result.leftOut].map(([name, why]) => ({ name, code: why.code, message: why.message })),
    seconds: result.seconds,
  }
}

/** Rows that came late; days that have fewer than before take nothing off. */
function lateTotal({ late }: StreamResult): number | undefined {
  return late === undefined ? undefined : [...late.values()].reduce((total, count) => total + Math.max(0, count), 0)
}

const HEADINGS = ['stream', 'requests', 'slices', 'rows', 'late', 'new columns', 'rejects', 'seconds', '']

/** All streams in a table. */
export function printSummary(output: Output, results: readonly StreamResult[]): void {
  if (results.length === 0) return
  const rows = results.map((result) => [
    result.stream,
    result.requests,
    result.slices,
    result.rows,
    lateTotal(result) ?? '',
    result.newColumns,
    result.rejects,
    result.seconds.toFixed(1),
    result.outcome === 'done' ? '' : result.outcome,
  ])
  output.print(`\n${textTable(HEADINGS, rows)}`)
}

/** What there is to say of a run beside its numbers. `expected`: what dates were expected to lie in. */
export function printRemarks(
  output: Output,
  stream: string,
  result: Pick<RunSummary, 'undated' | 'outside' | 'ignoredValues' | 'rejects' | 'setAside'>,
  expected: string,
): void {
  const { undated, outside, ignoredValues, rejects, setAside } = result
  if (undated > 0) output.print(`${stream}: ${undated} events have no usable time; they are kept, with time empty`)
  if (outside > 0) output.print(`${stream}: ${outside} events are dated outside ${expected}; they are kept`)
  if (ignoredValues > 0) output.print(`${stream}: ${ignoredValues} values of properties that are left out`)
  const what = stream === 'export' ? 'events' : 'records'
  if (rejects > 0) output.print(`${stream}: ${rejects} lines are no ${what}; see _mixload_rejects`)
  for (const { slice, error } of setAside) output.print(`${stream}: ${sliceName(slice)} set aside: ${error.message}`)
}
