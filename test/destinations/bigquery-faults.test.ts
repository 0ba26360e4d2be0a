import { describe, expect, it } from 'vitest'
import type { Retries } from '../../lib/destination/retries.ts'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import type { Fault, ReceivedRequest } from '../bigquery-fake/server.ts'
import { expectFailure } from '../conformance/failures.ts'
import { load, makeTable, manyRows, newColumns, property, rejectsOf, TABLE, unaborted } from '../conformance/rows.ts'
import { type FakePlace, fakePlace, NUMBERED, UNLIMITED } from './bigquery-fakes.ts'

const DAY = '2026-08-03'
const TEN = manyRows(10, DAY)

async function opened(place: FakePlace, options: Parameters<FakePlace['client']>[1] = {}, retries?: Retries) {
  const destination = place.client('run', options, retries)
  await destination.open(unaborted())
  await makeTable(destination)
  return destination
}

/** A place where each load makes a row superseded. */
async function numbered(place: FakePlace) {
  const destination = await opened(place)
  await makeTable(destination, NUMBERED)
  place.fake.store.answer = () => [SUPERSEDED]
  return destination
}

const SUPERSEDED = { row_id: '9007199254740993', day: DAY }

const isJob = (purpose: string) => (request: ReceivedRequest) =>
  request.job?.configuration.labels?.mixload === purpose && request.method === 'POST'

/** Applies a fault to the first requests of a kind. */
function first(place: FakePlace, matches: (request: ReceivedRequest) => boolean, fault: Fault, times = 1): void {
  let left = times
  place.fake.fault = (request) => (matches(request) && left-- > 0 ? fault : undefined)
}

/** The load is there once, and nothing else. */
async function expectLoaded(place: FakePlace, destination: Warehouse, ids: readonly string[] = ['load-1']) {
  expect(place.rows(TABLE)).toHaveLength(10 * ids.length)
  expect(new Set(place.rows(TABLE).map(({ _load_id }) => _load_id))).toEqual(new Set(ids))
  expect((await destination.ledger(TABLE)).map(({ loadId }) => loadId)).toEqual(ids)
  expect(place.rows('_mixload_loads').map(({ load_id }) => load_id)).toEqual(ids)
  expect(place.stages()).toEqual([])
}

describe('an answer that is lost', () => {
  it.each(['rows', 'superseded', 'rejects', 'ledger', 'stage'])(
    'of a job for %s: it is sent again under its id, and done once',
    async (purpose) => {
      await using place = await fakePlace()
      const destination = await numbered(place)
      first(place, isJob(purpose), 'unanswered')
      await load(destination, 'load-1', TEN, { rejects: rejectsOf('x') })
      await expectLoaded(place, destination)
      expect(place.rows('_mixload_rejects')).toHaveLength(1)
      expect(place.rows('_mixload_superseded')).toEqual([SUPERSEDED])
      const ids = place.jobsSent().flatMap((job) => (job.purpose === purpose ? [job.id] : []))
      expect(ids).toHaveLength(2)
      expect(new Set(ids).size).toBe(1)
    },
  )

  it('of a job that is still running: it is waited for', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    place.fake.jobs.courseOf = () => ({ polls: 3 })
    first(place, isJob('rows'), 'unanswered')
    await load(destination, 'load-1', TEN)
    await expectLoaded(place, destination)
  })

  it('of columns that were added: they are not added again', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    for (const matches of [
      ({ method, path }: ReceivedRequest) => method === 'PATCH' && path.endsWith(`/${TABLE}`),
      ({ method, path }: ReceivedRequest) => method === 'POST' && path.endsWith('/tables'),
      isJob('columns'),
    ]) {
      first(place, matches, 'unanswered')
      await destination.addColumns(TABLE, newColumns([property('later')]))
      await destination.addColumns('others', newColumns([property('later')]))
    }
    expect((await destination.columns(TABLE)).filter(({ name }) => name === 'later')).toHaveLength(1)
    expect(place.rows('_mixload_columns').filter(({ column_name }) => column_name === 'later')).toHaveLength(2)
  })

  it.each(['_mixload_lease', '_mixload_loads', 'datasets'])('of making %s: opening goes on', async (what) => {
    await using place = await fakePlace()
    first(
      place,
      ({ method, path }) => method === 'POST' && (path.endsWith(`/${what}`) || path.endsWith('/tables')),
      'unanswered',
      what === 'datasets' ? 1 : 4,
    )
    const destination = await opened(place)
    await load(destination, 'load-1', TEN)
    await expectLoaded(place, destination)
  })

  it('of taking the lease and of writing to it: it is still held', async () => {
    await using place = await fakePlace()
    await (await opened(place))[Symbol.asyncDispose]()
    first(place, ({ method, path }) => method === 'PATCH' && path.endsWith('_mixload_lease'), 'unanswered', 2)
    const destination = await opened(place)
    await load(destination, 'load-1', TEN)
    await expectLoaded(place, destination)
  })
})

describe('an upload that breaks off', () => {
  it('starts again', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    const before = place.fake.requests.length
    // After the pending load was noted comes the upload.
    place.fake.cuts = (_, index) => index === before + 1
    await load(destination, 'load-1', TEN)
    await expectLoaded(place, destination)
  })
})

describe('a temporary refusal', () => {
  it.each([
    [503, 'backendError'],
    [500, 'internalError'],
    [403, 'rateLimitExceeded'],
    [429, 'rateLimitExceeded'],
    [502, ''],
  ])('(%i %s) is followed by another attempt', async (status, reason) => {
    await using place = await fakePlace()
    const destination = await opened(place)
    place.fake.fault = (_, index) => (index % 2 === 0 ? { status, reason } : undefined)
    await load(destination, 'load-1', TEN)
    await makeTable(destination, [property('later')])
    place.fake.fault = () => undefined
    expect(place.rows(TABLE)).toHaveLength(10)
    expect(await destination.ledger(TABLE)).toHaveLength(1)
  })

  it.each(['backendError', 'jobInternalError', 'rateLimitExceeded', 'jobRateLimitExceeded'])(
    'of a job (%s) is followed by another attempt under the next id',
    async (reason) => {
      await using place = await fakePlace()
      const destination = await opened(place)
      place.fake.jobs.courseOf = ({ id }) => (/_rows_1$/.test(id) ? { failsWith: reason } : 'at-once')
      await load(destination, 'load-1', TEN)
      await expectLoaded(place, destination)
      const ids = place.jobsSent().flatMap(({ id, purpose }) => (purpose === 'rows' ? [id.slice(-7)] : []))
      expect(ids).toEqual(['_rows_1', '_rows_2'])
    },
  )

  it('of a copy job is followed by another attempt, too', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    place.fake.jobs.courseOf = ({ id }) => (/_rejects_1$/.test(id) ? { failsWith: 'backendError' } : 'at-once')
    await load(destination, 'load-1', TEN, { rejects: rejectsOf('x') })
    await expectLoaded(place, destination)
    expect(place.rows('_mixload_rejects')).toHaveLength(1)
    const ids = place.jobsSent().flatMap(({ id, kind }) => (kind === 'copy' ? [id.slice(-10)] : []))
    expect(ids).toEqual(['_rejects_1', '_rejects_2'])
  })

  it('that persists leaves nothing, and the load can be done later', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    place.fake.jobs.courseOf = ({ id }) => (/_rows_\d$/.test(id) ? { failsWith: 'backendError' } : 'at-once')
    await expectFailure(load(destination, 'load-1', TEN), 'DESTINATION_UNAVAILABLE')
    expect(place.rows(TABLE)).toEqual([])
    expect(await destination.ledger(TABLE)).toEqual([])
    place.fake.jobs.courseOf = () => 'at-once'
    await load(destination, 'load-1', TEN)
    await expectLoaded(place, destination)
  })

  it('for a used-up quota says to wait for ten minutes', async () => {
    await using place = await fakePlace({ ...UNLIMITED, loadsPerDay: 2 })
    const destination = await opened(place)
    await load(destination, 'load-1', TEN)
    await load(destination, 'load-2', TEN)
    const failure = await expectFailure(load(destination, 'load-3', TEN), 'DESTINATION_UNAVAILABLE')
    expect(failure.retryAfterMs).toBe(600_000)
    place.fake.advance(86_400_000)
    // A day later another run could have taken the lease. None has.
    await load(destination, 'load-3', TEN)
    await expectLoaded(place, destination, ['load-1', 'load-2', 'load-3'])
  })
})

describe('a job that fails for good', () => {
  it.each(['invalid', 'accessDenied', 'stopped', 'notFound'])('(%s) leaves nothing', async (reason) => {
    await using place = await fakePlace()
    const destination = await opened(place)
    place.fake.jobs.courseOf = ({ id }) => (/_rows_1$/.test(id) ? { failsWith: reason } : 'at-once')
    const failure = await expectFailure(
      load(destination, 'load-1', TEN, { rejects: rejectsOf('x') }),
      'DESTINATION_FAILED',
    )
    expect(failure.cause).toMatchObject({ reason })
    expect([place.rows(TABLE), place.rows('_mixload_rejects'), place.stages()]).toEqual([[], [], []])
    place.fake.jobs.courseOf = () => 'at-once'
    await load(destination, 'load-1', TEN)
    await expectLoaded(place, destination)
  })

  it('of rows that a stage was to gather leaves nothing', async () => {
    await using place = await fakePlace()
    const destination = await opened(place, { fileBytesMax: 300 })
    place.fake.jobs.courseOf = ({ id }) => (/_stage_rows_2_1$/.test(id) ? { failsWith: 'invalid' } : 'at-once')
    await expectFailure(load(destination, 'load-1', TEN), 'DESTINATION_FAILED')
    expect([place.rows(TABLE), place.stages()]).toEqual([[], []])
    place.fake.jobs.courseOf = () => 'at-once'
    await load(destination, 'load-1', TEN)
    await expectLoaded(place, destination)
  })
})

describe('a job that does not end', () => {
  const timing = { jobWaitMs: 300 }

  it('is stopped after a while; the load can be done again', async () => {
    await using place = await fakePlace()
    const destination = await opened(place, { timing })
    place.fake.jobs.courseOf = ({ id }) => (/_rows_1$/.test(id) ? 'stuck' : 'at-once')
    await expectFailure(load(destination, 'load-1', TEN), 'DESTINATION_UNAVAILABLE')
    expect(place.rows(TABLE)).toEqual([])
    place.fake.jobs.courseOf = () => 'at-once'
    await load(destination, 'load-1', TEN)
    await expectLoaded(place, destination)
  })

  it('but is done when it is cancelled counts as done', async () => {
    await using place = await fakePlace()
    const destination = await opened(place, { timing })
    place.fake.jobs.courseOf = ({ id }) => (/_rows_1$/.test(id) ? 'done-when-cancelled' : 'at-once')
    await load(destination, 'load-1', TEN)
    await expectLoaded(place, destination)
  })
})

describe('an abort', () => {
  const REASON = new Error('enough')

  it.each([
    ['stuck', 'leaves nothing where the job can be stopped'],
    ['done-when-cancelled', 'comes too late where it can’t'],
  ] as const)('while the rows’ job runs (%s) %s', async (course, _) => {
    await using place = await fakePlace()
    const destination = await opened(place)
    const controller = new AbortController()
    place.fake.jobs.courseOf = ({ id }) => {
      if (!/_rows_1$/.test(id)) return 'at-once'
      setTimeout(() => controller.abort(REASON), 20)
      return course
    }
    const loading = load(destination, 'load-1', TEN, { rejects: rejectsOf('x'), signal: controller.signal })
    if (course === 'stuck') await expect(loading).rejects.toBe(REASON)
    else await loading
    const expected = course === 'stuck' ? [0, 0, 0] : [10, 1, 1]
    expect([TABLE, '_mixload_rejects', '_mixload_loads'].map((table) => place.rows(table).length)).toEqual(expected)
    expect(place.stages()).toEqual([])
  })

  it('at any request of a load leaves all of it or nothing', async () => {
    for (let at = 0, isOver = false; !isOver; at++) {
      await using place = await fakePlace()
      const destination = await opened(place, { fileBytesMax: 300 })
      const before = place.fake.requests.length
      const controller = new AbortController()
      place.fake.fault = (_, index) => {
        if (index === before + at) controller.abort(REASON)
        return undefined
      }
      const loading = load(destination, 'load-1', TEN, { rejects: rejectsOf('x'), signal: controller.signal })
      const outcome = await loading.then(
        () => 'done',
        (error: unknown) => error,
      )
      isOver = !controller.signal.aborted
      if (outcome === 'done') await expectLoaded(place, destination)
      else {
        expect(outcome).toBe(REASON)
        expect([TABLE, '_mixload_rejects', '_mixload_loads'].map((table) => place.rows(table))).toEqual([[], [], []])
        expect(place.stages()).toEqual([])
        place.fake.fault = () => undefined
        await load(destination, 'load-1', TEN)
        await expectLoaded(place, destination)
      }
    }
  })
})

describe('BigQuery out of reach', () => {
  it('before any of a load is visible: nothing was committed', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    place.fake.fault = () => 'lost'
    await expectFailure(load(destination, 'load-1', TEN), 'DESTINATION_UNAVAILABLE')
    await expectFailure(destination.addColumns(TABLE, newColumns([property('later')])), 'DESTINATION_UNAVAILABLE')
    place.fake.fault = () => undefined
    await load(destination, 'load-1', TEN)
    await expectLoaded(place, destination)
  })

  it.each(['rows', 'superseded', 'rejects', 'ledger'])(
    'from the job for %s on: in doubt, and settled when it is back',
    async (purpose) => {
      await using place = await fakePlace()
      const destination = await numbered(place)
      let isAway = false
      place.fake.fault = (request) => {
        if (isAway) return 'lost'
        isAway = isJob(purpose)(request)
        return isAway ? 'unanswered' : undefined
      }
      await expectFailure(load(destination, 'load-1', TEN, { rejects: rejectsOf('x') }), 'COMMIT_IN_DOUBT')
      place.fake.fault = () => undefined
      expect(await destination.ledger(TABLE)).toMatchObject([{ loadId: 'load-1' }])
      await expectLoaded(place, destination)
      expect(place.rows('_mixload_rejects')).toHaveLength(1)
      expect(place.rows('_mixload_superseded')).toEqual([SUPERSEDED])
      await expectFailure(load(destination, 'load-1', TEN), 'ALREADY_LOADED')
      await load(destination, 'load-2', TEN)
      await expectLoaded(place, destination, ['load-1', 'load-2'])
    },
  )

  it('or with a quota used up after the rows have landed: waited for, and then the ledger’s row is written', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    place.fake.jobs.courseOf = ({ id }) => (/_ledger_\d+$/.test(id) ? { failsWith: 'quotaExceeded' } : 'at-once')
    const failure = await expectFailure(load(destination, 'load-1', TEN), 'COMMIT_IN_DOUBT')
    expect(failure.retryAfterMs).toBe(600_000)
    for (let again = 0; again < 5; again++) {
      const failure = await expectFailure(destination.ledger(TABLE), 'DESTINATION_UNAVAILABLE')
      expect(failure.retryAfterMs).toBe(600_000)
    }
    place.fake.jobs.courseOf = () => 'at-once'
    expect(await destination.ledger(TABLE)).toHaveLength(1)
    await expectLoaded(place, destination)
  })

  it('the same load tried again is the one that was in doubt', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    let isAway = false
    place.fake.fault = (request) => {
      isAway ||= isJob('rows')(request)
      return isAway ? 'unanswered' : undefined
    }
    await expectFailure(load(destination, 'load-1', TEN), 'COMMIT_IN_DOUBT')
    place.fake.fault = () => undefined
    expect(await load(destination, 'load-1', TEN)).toMatchObject({ loadId: 'load-1' })
    await expectLoaded(place, destination)
  })

  it('a request that arrives after it was given up does nothing', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    const { promise: late, resolve: deliver } = Promise.withResolvers<void>()
    place.fake.fault = (request) => (isJob('rows')(request) ? { late } : undefined)
    await expectFailure(load(destination, 'load-1', TEN), 'DESTINATION_UNAVAILABLE')
    place.fake.fault = () => undefined
    await load(destination, 'load-1', TEN)
    deliver()
    await new Promise((resolve) => setTimeout(resolve, 50))
    await expectLoaded(place, destination)
  })

  it('again and again: a run with retries commits each load once', async () => {
    await using place = await fakePlace()
    const policy = { retries: { DESTINATION_UNAVAILABLE: 50, COMMIT_IN_DOUBT: 50 }, firstDelayMs: 1, delayMaxMs: 5 }
    const destination = await opened(place, {}, { policy, onRetry: () => {}, signal: unaborted() })
    // Requests in a fixed, uneven pattern: lost before, lost after, refused.
    const faults: readonly Fault[] = [
      'lost',
      'unanswered',
      undefined,
      { status: 503, reason: 'backendError' },
      'unanswered',
    ]
    place.fake.fault = (_, index) => ((index * 7) % 11 < 7 ? faults[(index * 5) % faults.length] : undefined)
    for (let at = 0; at < 10; at++) await load(destination, `load-${at}`, TEN, { rejects: rejectsOf('x') })
    place.fake.fault = () => undefined
    await expectLoaded(
      place,
      destination,
      Array.from({ length: 10 }, (_, at) => `load-${at}`),
    )
    expect(place.rows('_mixload_rejects')).toHaveLength(10)
  })
})
