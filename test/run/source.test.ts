import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LoadRecord } from '../../lib/destination/contract.ts'
import { formatSource, type LoadSource, parseSource } from '../../lib/destination/source.ts'
import { isMarkOf, markOf } from '../../lib/run/secret-mark.ts'
import { assertSameClock, assertSameProject, daysOfOtherClocks, type WantedProject } from '../../lib/run/source.ts'
import { newLoad } from '../conformance/rows.ts'

const load = (source: LoadSource | undefined, more: Partial<LoadRecord> = {}): LoadRecord => ({
  ...newLoad('load', { stream: 'export', rowCount: 1 }),
  loadedAt: new Date(),
  source,
  ...more,
})

describe('the source of a load', () => {
  it('is the same after it was stored', () => {
    const field = fc.option(fc.string({ unit: 'binary' }), { nil: undefined })
    const names = ['project', 'region', 'clock', 'where', 'properties', 'secret'] as const
    const sources = fc.record(
      Object.fromEntries(names.map((name) => [name, field])) as Record<(typeof names)[number], typeof field>,
    )
    fc.assert(
      fc.property(sources, (source) => {
        expect(parseSource(formatSource(source))).toEqual(source)
      }),
    )
  })

  it.each(['', 'null', '[]', '{"project":7}', '{"later":"x"}'])('of the text %s is not known', (text) => {
    expect(parseSource(text)).toEqual({})
  })
})

describe('the project of a schema', () => {
  const check = (wanted: LoadSource, ...known: readonly (LoadSource | undefined)[]) =>
    assertSameProject({ description: 'duckdb:x', allLoads: async () => known.map((source) => load(source)) }, wanted)

  it('may be loaded again, also if a load does not say which project it has', async () => {
    await check({ project: '1', region: 'us' })
    await check({ project: '1', region: 'us' }, { project: '1', region: 'us' }, undefined, {})
    await check({}, { project: '1', region: 'us' })
    await check({ project: '1' }, { project: '1', region: 'us' })
  })

  it.each([
    [{ project: '2', region: 'us' }, /project 1 \(region us\).*project 2 \(region us\)/],
    [{ project: '1', region: 'eu' }, /project 1 \(region us\).*project 1 \(region eu\)/],
    [{ project: '1', region: 'local' }, /project 1 \(a server on this machine\)/],
    [{ project: '2' }, /the settings name project 2\. A schema holds one project: set --schema/],
  ])('is not mixed with %j', async (wanted, message) => {
    const checking = check(wanted, { project: '1', region: 'us' }, undefined)
    await expect(checking).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      exitCode: 2,
      message: expect.stringMatching(message),
    })
  })
})

describe('a project secret without a project id', () => {
  const check = (wanted: WantedProject, ...known: readonly LoadSource[]) =>
    assertSameProject({ description: 'duckdb:x', allLoads: async () => known.map((source) => load(source)) }, wanted)
  const mine = { secret: markOf('mine'), region: 'us' }

  it('may be used again, and first of all', async () => {
    await check({ secret: 'mine' })
    await check({ secret: 'mine' }, mine, { clock: 'UTC' })
    await check({ secret: 'mine' }, { secret: markOf('old'), project: '1' }, mine)
  })

  it.each<readonly [LoadSource, RegExp]>([
    [mine, /the data of a project that was not read with this project secret.*set MIXPANEL_PROJECT_ID.*set --schema/],
    [{ project: '1' }, /the data of project 1 that was not read with this/],
  ])('is refused where %j was loaded, and the project id is the way forward', async (known, message) => {
    await expect(check({ secret: 'other' }, known)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    })
    await check({ secret: 'other', project: '1' }, known)
    await check({ secret: 'other' }, known, { secret: markOf('other'), project: '1' })
  })

  it('is stored as a text that differs each time, and from which it cannot be read', () => {
    const marks = [markOf('mine'), markOf('mine')] as const
    expect(marks[0]).toMatch(/^[0-9a-f]{32}\.[0-9a-f]{32}$/)
    expect(marks[0]).not.toBe(marks[1])
    expect(marks.map((mark) => isMarkOf('mine', mark))).toEqual([true, true])
    expect(isMarkOf('Mine', marks[0])).toBe(false)
  })
})

describe('the clock of events', () => {
  const utc = { zone: 'US/Pacific', daysAreLocal: false }
  const local = { zone: 'US/Pacific', daysAreLocal: true }
  const ledger = [
    load(
      { clock: 'UTC' },
      { firstDay: '2026-08-01', lastDay: '2026-08-03', dayRows: { '2026-08-01': 1, '2026-08-03': 1 } },
    ),
    load(undefined, { firstDay: '2026-08-04', lastDay: '2026-08-04' }),
  ]

  it('is not changed for days that are appended', () => {
    expect(() => assertSameClock(ledger, utc, 'append')).not.toThrow()
    expect(() => assertSameClock(ledger, local, 'append')).toThrow(
      /2026-08-01 to 2026-08-03 were loaded with another clock than US\/Pacific.*--write replace --from 2026-08-01 --to 2026-08-03/,
    )
    expect(() => assertSameClock(ledger, local, 'replace')).not.toThrow()
  })

  it('counts only for rows that are still there', () => {
    const again = (firstDay: string, lastDay: string) =>
      load({ clock: 'US/Pacific' }, { firstDay, lastDay, writeMode: 'replace-days', dayRows: {} })
    expect(daysOfOtherClocks(ledger, 'US/Pacific')).toEqual(['2026-08-01', '2026-08-03'])
    expect(daysOfOtherClocks([...ledger, again('2026-08-01', '2026-08-02')], 'US/Pacific')).toEqual(['2026-08-03'])
    expect(daysOfOtherClocks([...ledger, again('2026-08-01', '2026-08-03')], 'US/Pacific')).toEqual([])
  })
})
