import { misfitsSentence } from '../lib/columns/misfits.ts'
import type { SkippedSlice, StreamResult, StreamSummary } from '../lib/run/tally.ts'
import { sliceName } from '../lib/slices.ts'
import { counted } from './counted.ts'
import type { Output } from './output.ts'

/** 1 if a stream failed; 3 if one, or something of one, was skipped or rejected; else 0. */
export function exitCodeOf(results: readonly StreamResult[]): number {
  if (results.some(({ outcome }) => outcome === 'failed')) return 1
  return results.every(isWhole) ? 0 : 3
}

function isWhole({ outcome, skippedSlices, skippedItems, rejects }: StreamResult): boolean {
  return outcome === 'done' && skippedSlices.length === 0 && skippedItems.length === 0 && rejects === 0
}

/** Prints the result of each stream as soon as it is loaded, then all results in a table. */
export async function reportStreams(
  output: Output,
  load: (onResult: (result: StreamResult) => void) => Promise<unknown>,
): Promise<readonly StreamResult[]> {
  const results: StreamResult[] = []
  try {
    await load((result) => {
      if (result.error !== undefined) output.fail(result.error)
      printResult(output, result)
      results.push(result)
    })
  } finally {
    printSummary(output, results)
  }
  return results
}

function printResult(output: Output, result: StreamResult): void {
  const { stream, outcome, error, late, completeTo } = result
  output.end()
  output.json(resultJson(result))
  if (outcome === 'done') output.print(`${stream}: ${doneSentence(result)}`)
  else {
    const committed = result.slices === 0 ? '' : ` What was committed before stays: ${counted(result.rows, 'row')}.`
    output.print(`${stream}: ${outcome}. ${error?.message ?? ''}${committed}`)
  }
  for (const [day, count] of late ?? []) {
    output.print(count > 0 ? `  ${day}: +${count} late` : `  ${day}: ${counted(-count, 'row')} fewer than before`)
  }
  for (const { name, error: why } of result.skippedItems) output.print(`${stream}: ${name} skipped: ${why.message}`)
  if (completeTo !== undefined) output.print(`${stream}: complete to ${utcMinute(completeTo)}`)
  printRemarks(output, result, 'the requested days')
}

/** Such as `2026-08-03 07:00 UTC`. */
export function utcMinute(moment: Date): string {
  return `${moment.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

function doneSentence({ days, slices, rows, otherRows, requests, bytes, seconds }: StreamResult): string {
  if (slices === 0 && days === 0) return 'nothing to load, every day is in the ledger'
  const others = Object.entries(otherRows).map(([table, count]) => ` and ${count} of ${table}`)
  const how = days === undefined ? 'copied whole' : `in ${counted(slices, 'slice')}`
  const cost = `${counted(requests, 'request')}, ${(bytes / 1e6).toFixed(1)} MB, ${seconds.toFixed(1)} s`
  return `${counted(rows, 'row')}${others.join('')} ${how}, ${cost}`
}

function resultJson(result: StreamResult): object {
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
    ...(result.completeTo === undefined ? {} : { complete_to: result.completeTo.toISOString() }),
    new_columns: newColumns,
    rejects,
    bytes,
    undated: result.undated,
    outside: result.outside,
    ignored_values: result.ignoredValues,
    type_conflicts: Object.fromEntries(
      Object.entries(result.misfits).filter(([, columns]) => Object.keys(columns).length > 0),
    ),
    skipped_slices: result.skippedSlices.map(skippedJson),
    skipped_items: result.skippedItems.map(({ name, error: why }) => ({ name, code: why.code, message: why.message })),
    seconds: result.seconds,
  }
}

/** A skipped slice as JSON. */
export function skippedJson({ slice, error: { code, message } }: SkippedSlice): unknown {
  return { ...slice, code, message }
}

/** Rows that came late. Days with fewer rows than before do not reduce the sum. */
function lateTotal({ late }: StreamResult): number | undefined {
  return late === undefined ? undefined : [...late.values()].reduce((total, count) => total + Math.max(0, count), 0)
}

const HEADINGS = ['stream', 'requests', 'slices', 'rows', 'late', 'new columns', 'rejects', 'seconds', '']

function printSummary(output: Output, results: readonly StreamResult[]): void {
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
  output.summary(HEADINGS, rows)
}

/** Prints what is unusual about a stream. `expected`: the period that its dates should be in. */
export function printRemarks(output: Output, summary: StreamSummary, expected: string): void {
  const { stream, undated, outside, ignoredValues, misfits, rejects, skippedSlices } = summary
  const print = (text: string) => output.print(`${stream}: ${text}`)
  if (undated > 0) print(`${counted(undated, 'event')} without a usable time; kept, with time empty`)
  if (outside > 0) print(`${counted(outside, 'event')} dated outside ${expected}; kept`)
  if (ignoredValues > 0) print(`${counted(ignoredValues, 'value')} of excluded properties left out`)
  for (const [table, columns] of Object.entries(misfits)) {
    for (const [column, misfits] of Object.entries(columns)) {
      output.print(`${table}: ${misfitsSentence(column, misfits)}`)
    }
  }
  if (rejects > 0) print(`${counted(rejects, 'line')} rejected; see _mixload_rejects`)
  for (const { slice, error } of skippedSlices) print(`${sliceName(slice)} skipped: ${error.message}`)
}
