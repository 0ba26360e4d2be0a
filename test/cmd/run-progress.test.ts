import { expect, it } from 'vitest'
import { RunProgress } from '../../cmd/run-progress.ts'

const slice = { firstDay: '2026-03-01', lastDay: '2026-03-01' }
const whole = { isWhole: true } as const

it('shows each stream that is being loaded, and names it if there are several', () => {
  const progress = new RunProgress(0)
  const plan = (stream: string, requestsLeft: number) =>
    progress.take({ kind: 'run-planned', stream, unit: 'slices', sliceCount: 1, requestsLeft }, 0)
  plan('export', 60)
  progress.take({ kind: 'slice-started', stream: 'export', slice }, 0)
  expect(progress.lines(1000)).toEqual([
    'export of 2026-03-01: requested',
    '0 of 1 slices, 0 rows, 0 rows/s, 59 requests left this hour',
  ])
  plan('engage', 50)
  progress.take({ kind: 'slice-started', stream: 'engage', slice: whole }, 0)
  expect(progress.lines(1000)).toEqual([
    'export of 2026-03-01: requested',
    'export: 0 of 1 slices, 0 rows, 0 rows/s, 59 requests left this hour',
    'engage: requested',
    'engage: 0 of 1 slices, 0 rows, 0 rows/s, 49 requests left this hour',
  ])
  expect(progress.take({ kind: 'stream-ended', stream: 'export' }, 1000)).toBe(true)
  expect(progress.lines(1000)[0]).toBe('engage: requested')
})

it('shows what belongs to no stream', () => {
  const progress = new RunProgress(0)
  expect(progress.take({ kind: 'tidy-started', table: 'export', rows: 3600, days: 2 }, 0)).toBe(true)
  expect(progress.lines(1000)).toEqual(['export: 0 of 2 days tidied, 0 rows removed'])
})
