import { describe, expect, it } from 'vitest'
import type { MacroValue } from '../../lib/reports/macros.ts'
import { type ReportEvent, WAREHOUSES } from './report-warehouses.ts'

/** What one person does: the time of day, the event, and the value of a property. */
type Done = readonly (readonly [time: string, event: string, plan?: string])[]

interface Example {
  readonly done: Done
  readonly steps: string | readonly MacroValue[]
  readonly options?: Readonly<Record<string, MacroValue>>
  /** How many reached each step. */
  readonly reached: readonly number[]
  /** The mean seconds to the last step. */
  readonly seconds?: number
}

const HOUR = { window: 1, window_unit: 'hour' } as const
const OPTIMIZED = { optimized_reentry: true } as const
const AFTER_WINDOW: Done = [
  ['01:00:00', 'A'],
  ['03:00:00', 'A'],
  ['03:30:00', 'B'],
]
const WITHIN_WINDOW: Done = [
  ['01:00:00', 'A'],
  ['01:30:00', 'A'],
  ['02:15:00', 'B'],
]
const THREE_ENTRIES: Done = [
  ['01:00:00', 'A'],
  ['01:10:00', 'A'],
  ['01:20:00', 'A'],
  ['01:30:00', 'B'],
]
const TWO_CONVERSIONS: Done = [
  ['01:00:00', 'A'],
  ['01:01:00', 'B'],
  ['02:00:00', 'A'],
  ['02:05:00', 'B'],
]
const SHOPPING: Done = [
  ['01:00:00', 'View Item', 'Chrome'],
  ['02:10:00', 'View Item', 'Safari'],
  ['02:20:00', 'Add to Cart', 'Safari'],
  ['02:30:00', 'Purchase'],
]
const inSafari = (event: string) => ({ event, where: "plan = 'Safari'" })
const PRODUCTS = ['Product Viewed', 'Product Added', 'Checkout Started', 'Purchase Completed']
const ADDED_AGAIN: Done = [
  ['01:00:00', 'Product Viewed'],
  ['01:01:00', 'Product Added'],
  ['01:02:00', 'Product Added'],
  ['01:03:00', 'Checkout Started'],
  ['01:04:00', 'Purchase Completed'],
]

/** Events a minute apart, such as `ABCD`. */
const inOrder = (names: string): Done =>
  [...names].map((name, at) => [`01:${String(at).padStart(2, '0')}:00`, name] as const)

/** The examples of Mixpanel's pages about funnels, as data: funnels-advanced and funnels-faq. */
const EXAMPLES: Readonly<Record<string, Example>> = {
  'The conversion window starts with the first A': {
    done: [
      ['13:00:00', 'A'],
      ['13:30:00', 'A'],
      ['13:45:00', 'B'],
      ['14:15:00', 'C'],
    ],
    ...{ steps: 'ABC', options: HOUR, reached: [1, 1, 0] },
  },
  'Re-entry 1, default': { done: AFTER_WINDOW, steps: 'AB', options: HOUR, reached: [1, 0] },
  'Re-entry 1, optimized': {
    ...{ done: AFTER_WINDOW, steps: 'AB', options: { ...HOUR, ...OPTIMIZED }, reached: [1, 1] },
  },
  'Re-entry 2, default': { done: WITHIN_WINDOW, steps: 'AB', options: HOUR, reached: [1, 0] },
  'Re-entry 2, optimized: half of the entries convert': {
    ...{ done: WITHIN_WINDOW, steps: 'AB', options: { ...HOUR, ...OPTIMIZED, count: 'totals' }, reached: [2, 1] },
  },
  'Several entries before B, default': { done: THREE_ENTRIES, steps: 'AB', reached: [1, 1], seconds: 1800 },
  'Several entries before B, optimized: the last one': {
    ...{ done: THREE_ENTRIES, steps: 'AB', options: OPTIMIZED, reached: [1, 1], seconds: 600 },
  },
  'Several conversions, optimized: the first one': {
    ...{ done: TWO_CONVERSIONS, steps: 'AB', options: OPTIMIZED, reached: [1, 1], seconds: 60 },
  },
  'Order 1: exact': { done: inOrder('ABCDE'), steps: 'ABCDE', reached: [1, 1, 1, 1, 1] },
  'Order 2: another event in between': { done: inOrder('ABFCDE'), steps: 'ABCDE', reached: [1, 1, 1, 1, 1] },
  'Order 3: D also before C': { done: inOrder('ABDCDE'), steps: 'ABCDE', reached: [1, 1, 1, 1, 1] },
  'Order 4: no D': { done: inOrder('ABCE'), steps: 'ABCDE', reached: [1, 1, 1, 0, 0] },
  'Exclusion of A, in totals': {
    ...{
      done: inOrder('AAAB'),
      steps: 'AB',
      options: { count: 'totals', exclusions: [{ event: 'A' }] },
      reached: [2, 1],
    },
  },
  'Exclusion between two of the steps': {
    ...{ done: ADDED_AGAIN, steps: PRODUCTS.map((event) => ({ event })), reached: [1, 1, 0, 0] },
    options: { exclusions: [{ event: 'Product Added', after: 2, before: 3 }] },
  },
  'No exclusion': { done: ADDED_AGAIN, steps: PRODUCTS.map((event) => ({ event })), reached: [1, 1, 1, 1] },
  'Totals: a step that is repeated is one entry': {
    ...{ done: inOrder('AAB'), steps: 'AB', options: { count: 'totals' }, reached: [1, 1] },
  },
  'B before A within two seconds': {
    done: [
      ['01:00:00', 'B'],
      ['01:00:02', 'A'],
    ],
    ...{ steps: 'AB', reached: [1, 1] },
  },
  'B before A by three seconds': {
    done: [
      ['01:00:00', 'B'],
      ['01:00:03', 'A'],
    ],
    ...{ steps: 'AB', reached: [1, 0] },
  },
  'Filters: none': {
    ...{ done: SHOPPING, steps: ['View Item', 'Add to Cart', 'Purchase'].map((event) => ({ event })) },
    ...{ options: HOUR, reached: [1, 0, 0] },
  },
  'Filters: the first step': {
    ...{ done: SHOPPING, steps: [inSafari('View Item'), { event: 'Add to Cart' }, { event: 'Purchase' }] },
    ...{ options: HOUR, reached: [1, 1, 1] },
  },
  'Filters: every step': {
    ...{ done: SHOPPING, steps: ['View Item', 'Add to Cart', 'Purchase'].map(inSafari) },
    ...{ options: HOUR, reached: [1, 1, 0] },
  },
  'Holding constant: the value of the first A': {
    done: [
      ['01:00:00', 'A', 'shirt'],
      ['01:01:00', 'A', 'jeans'],
      ['01:02:00', 'B', 'jeans'],
    ],
    ...{ steps: 'AB', options: { hold: ['plan'] }, reached: [1, 0] },
  },
  'Holding constant in totals: the value of each entry': {
    done: [
      ['01:00:00', 'A', 'shirt'],
      ['01:01:00', 'A', 'jeans'],
      ['01:02:00', 'B', 'jeans'],
    ],
    ...{ steps: 'AB', options: { hold: ['plan'], count: 'totals' }, reached: [2, 1] },
  },
  'Sessions: $identify does not prolong one': {
    done: [
      ['01:00:00', 'A'],
      ['01:20:00', '$identify'],
      ['01:40:00', 'B'],
    ],
    ...{ steps: 'AB', options: { count: 'sessions' }, reached: [1, 0] },
  },
  'Sessions: $identify does not begin one': {
    done: [
      ['01:00:00', 'A'],
      ['01:40:00', '$identify'],
      ['01:50:00', 'A'],
      ['02:00:00', 'B'],
    ],
    ...{ steps: 'AB', options: { count: 'sessions' }, reached: [2, 1] },
  },
}

const eventsOf = (done: Done): readonly ReportEvent[] =>
  done.map(([time, event_name, plan], at) => ({
    ...{ event_id: `e${at}`, event_name, person_id: 'p', time: Date.parse(`2026-03-02T${time}Z`), plan: plan ?? null },
  }))

describe.each(Object.entries(WAREHOUSES))("Mixpanel's examples of funnels in %s", (_, newWarehouse) => {
  it.each(Object.entries(EXAMPLES))('%s', async (_, { done, steps, options, reached, seconds }) => {
    await using warehouse = await newWarehouse()
    const named = typeof steps === 'string' ? [...steps].map((event) => ({ event })) : steps
    const rows = await warehouse.report('funnel', eventsOf(done), { steps: named, ...options })
    const ordered = rows.toSorted((a, b) => Number(a.step_number) - Number(b.step_number))
    expect(ordered.map((row) => row.reached)).toEqual(reached)
    if (seconds !== undefined) expect(ordered.at(-1)?.seconds_from_start).toBe(seconds)
  })
})
