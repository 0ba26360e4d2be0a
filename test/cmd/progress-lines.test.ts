import { expect, it } from 'vitest'
import { ProgressLines } from '../../cmd/progress-lines.ts'
import type { LoadRecord } from '../../lib/destination/contract.ts'
import { EVERYTHING } from '../../lib/destination/selection.ts'

const slice = { firstDay: '2026-03-01', lastDay: '2026-03-01' }
const record: LoadRecord = {
  loadId: 'a',
  stream: 'export',
  ...slice,
  selection: EVERYTHING,
  rowCount: 5000,
  rejectCount: 0,
  byteCount: 1,
  requestCount: 1,
  startedAt: new Date(0),
  loadedAt: new Date(0),
  writeMode: 'append',
  mixloadVersion: '0',
  dayRows: null,
}

const loaded = { kind: 'slice-loaded', slice, record, seconds: 1, undated: 0, outside: 0, ignoredValues: 0 } as const

it('shows slices, rows, speed, remaining time and remaining requests', () => {
  const progress = new ProgressLines(0)
  expect(
    progress.take({ kind: 'run-planned', stream: 'export', unit: 'slices', sliceCount: 3, requestsLeft: 60 }),
  ).toBe(true)
  progress.take({ kind: 'slice-started', stream: 'export', slice })
  progress.take({ kind: 'slice-progress', stream: 'export', slice, bytes: 2_500_000, rows: 4321, requests: 1 })
  expect(progress.lines(1000)).toEqual([
    'export of 2026-03-01: 4,321 rows, 2.5 MB',
    '0 of 3 slices, 0 rows, 0 rows/s, 59 requests left this hour',
  ])
  progress.take({ kind: 'slice-loading', stream: 'export', table: 'export', slice, rows: 5000 })
  expect(progress.lines(1000)).toContain('export of 2026-03-01: loading')
  expect(progress.take({ ...loaded, stream: 'export', table: 'export' })).toBe(false)
  expect(progress.lines(2000).at(-1)).toBe(
    '1 of 3 slices, 5,000 rows, 2,500 rows/s, about 4 s to go, 59 requests left this hour',
  )
})

it('counts the halves of a slice that was split, and does not mention requests if there is no limit', () => {
  const progress = new ProgressLines(0)
  progress.take({
    kind: 'run-planned',
    stream: 'export',
    unit: 'slices',
    sliceCount: 1,
    requestsLeft: Number.POSITIVE_INFINITY,
  })
  expect(progress.take({ kind: 'slice-split', stream: 'export', slice, into: [slice, slice], reason: 'cut' })).toBe(
    false,
  )
  expect(progress.lines(1000)).toEqual(['0 of 2 slices, 0 rows, 0 rows/s'])
})

it('calls files by that name, and does not count those that were loaded before', () => {
  const progress = new ProgressLines(0)
  const file = { file: 'raw/a.gz' }
  progress.take({
    kind: 'run-planned',
    stream: 'export',
    unit: 'files',
    sliceCount: 3,
    requestsLeft: Number.POSITIVE_INFINITY,
  })
  progress.take({ kind: 'slice-started', stream: 'export', slice: file })
  expect(progress.lines(1000)).toEqual(['raw/a.gz: reading', '0 of 3 files, 0 rows, 0 rows/s'])
  expect(progress.take({ kind: 'slice-already-loaded', stream: 'export', slice: file })).toBe(true)
  expect(progress.lines(1000).at(-1)).toBe('0 of 2 files, 0 rows, 0 rows/s')
})

it('counts a slice when the stream’s own table has it, the last of its tables', () => {
  const progress = new ProgressLines(0)
  const load = (table: string) => progress.take({ ...loaded, stream: 'funnels', table })
  progress.take({ kind: 'run-planned', stream: 'funnels', unit: 'slices', sliceCount: 2, requestsLeft: 60 })
  progress.take({ kind: 'slice-started', stream: 'funnels', slice })
  expect(progress.lines(1000)[0]).toBe('funnels of 2026-03-01: requested')
  progress.take({ kind: 'slice-progress', stream: 'funnels', slice, rows: 1200, bytes: 1_000_000, requests: 3 })
  expect(progress.lines(1000)[0]).toBe('funnels of 2026-03-01: 1,200 rows, 1.0 MB, 3 requests')
  progress.take({ kind: 'slice-loading', stream: 'funnels', table: 'funnel_steps', slice, rows: 9 })
  expect(progress.lines(1000)[1]).toBe('funnel_steps of 2026-03-01: loading')
  expect(load('funnel_steps')).toBe(false)
  expect(progress.lines(1000).at(-1)).toMatch(/^0 of 2 slices, 5,000 rows/)
  load('funnels')
  expect(progress.lines(1000).at(-1)).toMatch(/^1 of 2 slices, 10,000 rows/)
})

it('shows how far the tidying of a table has come, without a permanent line for each day', () => {
  const progress = new ProgressLines(0)
  expect(progress.take({ kind: 'tidy-started', table: 'export', rows: 3600, days: 2 })).toBe(true)
  expect(progress.take({ kind: 'day-tidied', table: 'export', day: '2026-03-01', rows: 1800 })).toBe(true)
  expect(progress.lines(1000)).toEqual(['export: 1 of 2 days tidied, 1,800 rows removed'])
  progress.take({ kind: 'tidy-started', table: 'funnels', rows: 1, days: 1 })
  expect(progress.lines(2000)).toEqual(['funnels: 0 of 1 day tidied, 0 rows removed'])
})

it('shows how many slices are requested before their turn, and counts their requests once', () => {
  const progress = new ProgressLines(0)
  const days = ['2026-03-01', '2026-03-02', '2026-03-03'].map((day) => ({ firstDay: day, lastDay: day }))
  progress.take({ kind: 'run-planned', stream: 'export', unit: 'slices', sliceCount: 3, requestsLeft: 60 })
  const [first, second, third] = days.map((slice) => ({ stream: 'export', slice }))
  if (first === undefined || second === undefined || third === undefined) throw new TypeError('three days')
  progress.take({ kind: 'slice-started', ...first })
  for (const day of [second, third]) expect(progress.take({ kind: 'slice-requested', ...day })).toBe(true)
  expect(progress.lines(1000)).toEqual([
    'export of 2026-03-01: requested',
    '2 more requested, up to 2026-03-03',
    '0 of 3 slices, 0 rows, 0 rows/s, 57 requests left this hour',
  ])
  progress.take({ kind: 'slice-started', ...second })
  expect(progress.lines(1000)).toEqual([
    'export of 2026-03-02: requested',
    '1 more requested, up to 2026-03-03',
    '0 of 3 slices, 0 rows, 0 rows/s, 57 requests left this hour',
  ])
})
