import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { exportScope, requestSelection } from '../../lib/destination/selection.ts'
import { expectFailure } from '../conformance/failures.ts'
import { load, makeTable, manyRows, newColumns, property, TABLE, unaborted } from '../conformance/rows.ts'
import { DATASET, type FakePlace, fakePlace } from './bigquery-fakes.ts'

const DAY = '2026-08-03'
const TEN = manyRows(10, DAY)
const LEASE_MS = 300_000

function noteIn(place: FakePlace): Record<string, unknown> {
  return JSON.parse(String(place.fake.store.table(DATASET, '_mixload_lease').resource.description))
}

/** Writes another owner into the note, as a run elsewhere would have. */
function putNote(place: FakePlace, change: Record<string, unknown>): void {
  const description = JSON.stringify({ ...noteIn(place), ...change })
  place.fake.store.changeTable(DATASET, '_mixload_lease', { description }, undefined)
}

const ELSEWHERE = { id: 'other', pid: 7, host: 'elsewhere', machine: 'another' }
const inMs = (milliseconds: number) => new Date(Date.now() + milliseconds).toISOString()

describe('the lease', () => {
  it('keeps a second run out, and names its owner and when it expires', async () => {
    await using place = await fakePlace()
    const owner = place.client('one')
    await owner.open(unaborted())
    const failure = await expectFailure(place.client('two').open(unaborted()), 'DESTINATION_BUSY')
    expect(failure.message).toContain(`process ${process.pid}@${hostname()}`)
    expect(failure.message).toContain(String(noteIn(place).since))
    expect(failure.message).toContain(String(noteIn(place).expiresAt))
  })

  it('is given up at the end of a run', async () => {
    await using place = await fakePlace()
    await using first = place.client('one')
    await first.open(unaborted())
    await first[Symbol.asyncDispose]()
    expect(noteIn(place)).toEqual({ note: expect.any(String), pending: [] })
    await place.client('two').open(unaborted())
  })

  it.each(['new', 'known'])('of a %s dataset goes to one of many runs that start at once', async (kind) => {
    await using place = await fakePlace()
    if (kind === 'known') {
      const before = place.client('before')
      await before.open(unaborted())
      await before[Symbol.asyncDispose]()
    }
    const clients = Array.from({ length: 8 }, (_, at) => place.client(`client-${at}`))
    const outcomes = await Promise.allSettled(clients.map((client) => client.open(unaborted())))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'DESTINATION_BUSY' })
    }
  })

  it('of a run elsewhere that stops renewing it expires by the server’s clock', async () => {
    await using place = await fakePlace()
    await place.client('one').open(unaborted())
    putNote(place, { owner: ELSEWHERE, expiresAt: inMs(LEASE_MS) })
    const second = place.client('two')
    await expectFailure(second.open(unaborted()), 'DESTINATION_BUSY')
    place.fake.advance(LEASE_MS - 10_000)
    await expectFailure(second.open(unaborted()), 'DESTINATION_BUSY')
    place.fake.advance(15_000)
    await second.open(unaborted())
  })

  it.each([
    ['its process has ended', { pid: 2 ** 22 + 1 }],
    ['its process id belongs to another process', { began: '1' }],
    ['this process has released it', { id: 'gone' }],
  ])('of a run on this machine ends at once if %s', async (_, change) => {
    await using place = await fakePlace()
    await place.client('one').open(unaborted())
    putNote(place, { owner: { ...(noteIn(place).owner as object), ...change } })
    // Only on Linux can a run see which processes run.
    if (process.platform === 'linux') await place.client('two').open(unaborted())
  })

  it('is renewed for as long as the run lives', async () => {
    await using place = await fakePlace()
    const first = place.client('one', { timing: { leaseMs: 60_000, renewMs: 20 } })
    await first.open(unaborted())
    const expiresAt = () => Date.parse(String(noteIn(place).expiresAt))
    const before = expiresAt()
    place.fake.advance(120_000)
    // The first renewal may still have been on its way by the earlier clock.
    await expect.poll(() => expiresAt() - before).toBeGreaterThan(60_000)
    await expectFailure(place.client('two').open(unaborted()), 'DESTINATION_BUSY')
  })

  it('that another run has taken over keeps the first one from writing', async () => {
    await using place = await fakePlace()
    const first = place.client('one')
    await first.open(unaborted())
    await makeTable(first)
    place.fake.advance(LEASE_MS + 1000)
    const second = place.client('two')
    await second.open(unaborted())
    await expectFailure(load(first, 'load-1', TEN), 'DESTINATION_BUSY')
    await expectFailure(first.addColumns(TABLE, newColumns([property('later')])), 'DESTINATION_BUSY')
    await expectFailure(first.putViews([]), 'DESTINATION_BUSY')
    await first[Symbol.asyncDispose]()
    await load(second, 'load-2', TEN)
    expect(place.rows(TABLE)).toHaveLength(10)
  })

  it('can be taken again by a run that had lost it', async () => {
    await using place = await fakePlace()
    const first = place.client('one')
    await first.open(unaborted())
    await makeTable(first)
    place.fake.advance(LEASE_MS + 1000)
    const second = place.client('two')
    await second.open(unaborted())
    await load(second, 'load-2', TEN)
    await second[Symbol.asyncDispose]()
    await expectFailure(load(first, 'load-1', TEN), 'DESTINATION_BUSY')
    await first.open(unaborted())
    await load(first, 'load-1', TEN)
    expect((await first.ledger(TABLE)).map(({ loadId }) => loadId)).toEqual(['load-2', 'load-1'])
  })

  it('of a run that slept in the middle of a load does no harm: the other run has cancelled its jobs', async () => {
    await using place = await fakePlace()
    const first = place.client('one')
    await first.open(unaborted())
    await makeTable(first)
    const second = place.client('two')
    // It has noted what it is about to load, and then sleeps for longer than its lease.
    let isAsleep = false
    const { promise: awake, resolve: wake } = Promise.withResolvers<void>()
    place.fake.fault = ({ client, job }) => {
      if (client !== 'one' || isAsleep || job?.configuration.labels?.mixload !== 'rows') return undefined
      isAsleep = true
      place.fake.advance(LEASE_MS + 1000)
      void second.open(unaborted()).then(() => wake())
      return { late: awake }
    }
    await expectFailure(load(first, 'load-1', TEN), 'DESTINATION_UNAVAILABLE').catch(() => {})
    await awake
    await load(second, 'load-2', TEN)
    await sleep(50)
    expect(new Set(place.rows(TABLE).map(({ _load_id }) => _load_id))).toEqual(
      new Set((await second.ledger(TABLE)).map(({ loadId }) => loadId)),
    )
  })

  it('may be changed by others in other ways', async () => {
    await using place = await fakePlace()
    const first = place.client('one')
    await first.open(unaborted())
    await makeTable(first)
    place.fake.store.changeTable(DATASET, '_mixload_lease', { labels: { team: 'data' } }, undefined)
    await load(first, 'load-1', TEN)
    expect(place.rows(TABLE)).toHaveLength(10)
  })

  it('that somebody has emptied by hand is lost', async () => {
    await using place = await fakePlace()
    const first = place.client('one')
    await first.open(unaborted())
    await makeTable(first)
    place.fake.store.changeTable(DATASET, '_mixload_lease', { description: 'what is this?' }, undefined)
    await expectFailure(load(first, 'load-1', TEN), 'DESTINATION_BUSY')
    await place.client('two').open(unaborted())
  })

  it('has room for a load of very many events, and says when there is none', async () => {
    await using place = await fakePlace()
    const first = place.client('one')
    await first.open(unaborted())
    await makeTable(first)
    const select = (...events: readonly string[]) => ({ selection: requestSelection(exportScope(events)) })
    const many = select(...Array.from({ length: 1500 }, (_, at) => `Event of kind ${at}`))
    await load(first, 'load-1', TEN, { record: many })
    const random = Array.from({ length: 40_000 }, () => Math.random().toString(36).slice(2)).join()
    const failure = await expectFailure(load(first, 'load-2', TEN, { record: select(random) }), 'DESTINATION_FAILED')
    expect(failure.message).toContain('ask for fewer')
    expect((await first.ledger(TABLE))[0]).toMatchObject(many)
  })

  it('is not taken by a run that only reads', async () => {
    await using place = await fakePlace()
    const first = place.client('one')
    await first.open(unaborted())
    await makeTable(first)
    await load(first, 'load-1', TEN)
    const reader = place.client('reader')
    await reader.openToRead(unaborted())
    expect(await reader.ledger(TABLE)).toHaveLength(1)
    expect(place.fake.requests.filter(({ client, method }) => client === 'reader' && method !== 'GET')).toEqual([])
  })
})
