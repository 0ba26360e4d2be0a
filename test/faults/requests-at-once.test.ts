import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expectFailure } from '../conformance/failures.ts'
import { runs } from '../runs.ts'
import { bodyOf, dayAt, sliceAt } from './day-events.ts'
import { FaultServer, refusal, whole } from './fault-server.ts'
import { answer, type Fault, FORM } from './faulty-answers.ts'
import { Pipeline, type Stored } from './pipeline.ts'

const AT_ONCE = 4

/** A day: what goes wrong with its first requests, how long each takes, and a value of its own. */
interface Day {
  readonly faults: readonly Fault[]
  readonly pause: number
  readonly value: unknown
}

const day: fc.Arbitrary<Day> = fc.record({
  faults: fc.array(fc.constantFrom<Fault>('cut', 'reset', '500', '429', 'terminated early', 'timeout'), {
    maxLength: 3,
  }),
  pause: fc.nat(30),
  value: fc.constantFrom<unknown>(1, 'text', true, [1], null),
})

/** Loads the days, two per slice, and returns what is stored, without what differs in each run. */
async function stored(days: readonly Day[], atOnce: number) {
  await using server = await FaultServer.start(({ path, day, query, before }) => {
    if (path !== '/api/2.0/export') return whole('["Bought","Seen"]', FORM)
    const from = days.findIndex((_, at) => dayAt(at) === day)
    const to = days.findIndex((_, at) => dayAt(at) === query.get('to_date'))
    const requested = days.slice(from, to + 1)
    const names = JSON.parse(query.get('event') ?? 'null') as string[] | null
    const lines = requested.flatMap(({ value }, at) => bodyOf(dayAt(from + at), 4, { value }).match(/.+\n/g) ?? [])
    const body = lines.filter((line) => names === null || names.includes(JSON.parse(line).event)).join('')
    return [{ pause: requested[0]?.pause ?? 0 }, ...answer(requested[0]?.faults[before] ?? 'fine', body)]
  })
  await using pipeline = await Pipeline.create()
  const slices = days.flatMap((_, at) => {
    const last = dayAt(Math.min(at + 1, days.length - 1))
    return at % 2 === 0 ? [{ firstDay: dayAt(at), lastDay: last }] : []
  })
  const summary = await pipeline.run({ url: server.url, slices, settings: { requestsAtOnce: atOnce } })
  const { seconds: _, ...counts } = summary
  const { rows, rejects, columns, ledger } = await pipeline.stored()
  return {
    counts: { ...counts, skippedSlices: counts.skippedSlices.map(({ slice, error }) => [slice, error.code]) },
    ...withoutRun({ rows, rejects, columns, ledger }),
    requests: server.requests.map(({ path, query }) => `${path}?${query}`).sort(),
  }
}

/** Without ids and moments of a run. */
function withoutRun({ rows, rejects, columns, ledger }: Pick<Stored, 'rows' | 'rejects' | 'columns' | 'ledger'>) {
  return {
    rows: rows.map(({ _load_id, _loaded_at, _mixload_row, ...row }) => row),
    rejects: rejects.map(({ load_id, ...row }) => row),
    columns: columns.map(({ firstLoadId, firstSeenAt, ...column }) => column),
    ledger: ledger.map(({ loadId, startedAt, loadedAt, ...load }) => load),
  }
}

describe('requests at once', () => {
  it('leave the same tables and ledger as one at a time, whatever takes long or fails', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(day, { minLength: 3, maxLength: 9 }), async (days) => {
        const [alone, together] = [await stored(days, 1), await stored(days, AT_ONCE)]
        expect(together).toEqual(alone)
      }),
      { numRuns: runs(15) },
    )
  })

  it('are sent while the first day is slow, and are loaded in the order of the days', async () => {
    const days = 12
    const all = Promise.withResolvers<void>()
    await using server = await FaultServer.start(({ day }) => {
      if (server.requests.length === AT_ONCE) all.resolve()
      return [...(day === dayAt(0) ? [{ until: all.promise }] : []), ...whole(bodyOf(day, 3), FORM)]
    })
    await using pipeline = await Pipeline.create()
    const slices = Array.from({ length: days }, (_, at) => sliceAt(at))
    await pipeline.run({ url: server.url, slices, settings: { requestsAtOnce: AT_ONCE } })
    const { ledger } = await pipeline.stored()
    expect(ledger.map(({ firstDay }) => firstDay)).toEqual(slices.map(({ firstDay }) => firstDay))
    expect(server.requests.map(({ day }) => day)).toEqual(slices.map(({ firstDay }) => firstDay))
  })

  it('end where the spool is full, and go on when there is room', async () => {
    const first = Promise.withResolvers<void>()
    await using server = await FaultServer.start(({ day }) => [
      ...(day === dayAt(0) ? [{ until: first.promise }] : []),
      ...whole(bodyOf(day, 50), { framing: 'length', gzip: false }),
    ])
    await using pipeline = await Pipeline.create()
    const slices = Array.from({ length: 8 }, (_, at) => sliceAt(at))
    const settings = { requestsAtOnce: AT_ONCE, spoolAhead: '1KB' }
    const files = () => {
      const spool = join(pipeline.directory, 'spool')
      const directories = existsSync(spool) ? readdirSync(spool) : []
      return directories.flatMap((name) => readdirSync(join(spool, name))).filter((name) => name.endsWith('.response'))
    }
    const run = pipeline.run({ url: server.url, slices, settings })
    await expect.poll(() => files().length).toBe(AT_ONCE - 1)
    // Each is larger than what is allowed, so none is sent after the first ones.
    for (let turns = 0; turns < 100; turns++) await turn()
    expect(server.requests).toHaveLength(AT_ONCE)
    first.resolve()
    expect(await run).toMatchObject({ slices: 8, rows: 400 })
    expect(server.requests).toHaveLength(8)
  })

  it('end with the run, and leave nothing in the spool', async () => {
    await using server = await FaultServer.start(({ day }) =>
      day === dayAt(0) ? [{ hang: true }] : whole(bodyOf(day, 3), FORM),
    )
    await using pipeline = await Pipeline.create()
    const slices = Array.from({ length: 8 }, (_, at) => sliceAt(at))
    const abort = new AbortController()
    const settings = { requestsAtOnce: AT_ONCE }
    const run = pipeline.run({ url: server.url, slices, settings, signal: abort.signal })
    run.catch(() => {})
    await expect.poll(() => server.requests.length).toBe(8)
    abort.abort()
    await expect(run).rejects.toThrow()
    expect(readdirSync(join(pipeline.directory, 'spool'))).toEqual([])
  })

  it('end with the failure of a day, and those before it stay', async () => {
    await using server = await FaultServer.start(({ day }) =>
      day === dayAt(3) ? refusal('401 Unauthorized') : whole(bodyOf(day, 3), FORM),
    )
    await using pipeline = await Pipeline.create()
    const slices = Array.from({ length: 8 }, (_, at) => sliceAt(at))
    await expectFailure(pipeline.run({ url: server.url, slices }), 'CREDENTIALS_REFUSED')
    const { ledger } = await pipeline.stored()
    expect(ledger.map(({ firstDay }) => firstDay)).toEqual([0, 1, 2].map(dayAt))
  })

  it('are not sent any more once a day has failed for good', async () => {
    const first = Promise.withResolvers<void>()
    await using server = await FaultServer.start(({ day }) =>
      day === dayAt(1) ? refusal('403 Forbidden') : [{ until: first.promise }, ...whole(bodyOf(day, 3), FORM)],
    )
    await using pipeline = await Pipeline.create()
    const slices = Array.from({ length: 12 }, (_, at) => sliceAt(at))
    const run = pipeline.run({ url: server.url, slices, settings: { requestsAtOnce: AT_ONCE } })
    run.catch(() => {})
    await expect.poll(() => server.requests.length).toBeGreaterThanOrEqual(AT_ONCE)
    for (let turns = 0; turns < 1000; turns++) await turn()
    first.resolve()
    await expectFailure(run, 'PERMISSION_REFUSED')
    // The run ends at the second day, so requests for later days only use up the hour's budget.
    expect(server.requests.length).toBeLessThanOrEqual(AT_ONCE)
  })

  it('are not all repeated while the server fails every request', async () => {
    const sent = async (atOnce: number) => {
      await using server = await FaultServer.start(() => refusal('503 Service Unavailable'))
      await using pipeline = await Pipeline.create()
      const slices = Array.from({ length: 24 }, (_, at) => sliceAt(at))
      const run = pipeline.run({ url: server.url, slices, settings: { requestsAtOnce: atOnce } })
      await expectFailure(run, 'SERVER_FAILED')
      return server.requests.length
    }
    // Mixpanel counts them: an outage of a minute must not use up the budget of an hour.
    expect(await sent(AT_ONCE)).toBeLessThanOrEqual((await sent(1)) + AT_ONCE)
  })
})
