import { describe, expect, it } from 'vitest'
import type { RowChange } from '../../lib/destination/contract.ts'
import type { ReceivedRequest } from '../bigquery-fake/server.ts'
import { expectFailure } from '../conformance/failures.ts'
import { load, makeTable, manyRows, relationOf, TABLE, unaborted } from '../conformance/rows.ts'
import { DATASET, type FakePlace, fakePlace } from './bigquery-fakes.ts'

const CHANGE: RowChange = { table: TABLE, values: { name: "'a'", amount: 'amount + 1' }, where: 'amount IS NOT NULL' }
const UPDATE = `UPDATE \`proj\`.\`${DATASET}\`.\`${TABLE}\` SET \`name\` = 'a', \`amount\` = amount + 1 WHERE amount IS NOT NULL`

async function opened(place: FakePlace) {
  const destination = place.client('run')
  await destination.open(unaborted())
  await makeTable(destination)
  return destination
}

const isChange = ({ job }: ReceivedRequest) => job?.configuration.labels?.mixload === 'change'

describe('rows that are changed on BigQuery', () => {
  it('are changed by one statement, once, even if its answer is lost', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    let isLost = false
    place.fake.fault = (request) => {
      if (!isChange(request) || isLost) return undefined
      isLost = true
      return 'unanswered'
    }
    await destination.changeRows(CHANGE, unaborted())
    expect(place.fake.store.statements).toEqual([UPDATE])
    const ids = place.jobsSent().flatMap(({ id, purpose }) => (purpose === 'change' ? [id] : []))
    expect(ids).toHaveLength(2)
    expect(new Set(ids).size).toBe(1)
  })

  it('are changed if the statement can no longer be stopped', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    place.fake.jobs.courseOf = () => 'done-when-cancelled'
    // mixload gives up, because it cannot see the job.
    let left = 3
    place.fake.fault = ({ method, path }) =>
      method === 'GET' && path.includes('/jobs/') && left-- > 0 ? 'lost' : undefined
    await destination.changeRows(CHANGE, unaborted())
    expect(place.fake.store.statements).toEqual([UPDATE])
  })

  it('stay as they are if the statement arrives after mixload has given up', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    const { promise: late, resolve: deliver } = Promise.withResolvers<void>()
    place.fake.fault = (request) => (isChange(request) ? { late } : undefined)
    await expectFailure(destination.changeRows(CHANGE, unaborted()), 'DESTINATION_UNAVAILABLE')
    place.fake.fault = () => undefined
    deliver()
    await load(destination, 'load-1', manyRows(10, '2026-08-03'))
    expect(place.fake.store.statements).toEqual([])
  })

  it('stay as they are if the run is aborted while the statement runs', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    const reason = new Error('enough')
    const controller = new AbortController()
    place.fake.jobs.courseOf = () => {
      setTimeout(() => controller.abort(reason), 20)
      return 'stuck'
    }
    await expect(destination.changeRows(CHANGE, controller.signal)).rejects.toBe(reason)
    expect([...place.fake.jobs.all.values()].at(-1)).toMatchObject({ isDone: true, error: { reason: 'stopped' } })
    expect(place.fake.store.statements).toEqual([])
  })

  it.each(['the request', 'the job'])('lead to a message that says what to do if %s is refused', async (what) => {
    await using place = await fakePlace()
    const destination = await opened(place)
    const reason = 'billingNotEnabled'
    if (what === 'the job') place.fake.jobs.courseOf = () => ({ failsWith: reason })
    else place.fake.fault = (request) => (isChange(request) ? { status: 403, reason } : undefined)
    const failure = await expectFailure(destination.changeRows(CHANGE, unaborted()), 'DESTINATION_FAILED')
    expect(failure.message).toMatch(/Enable billing for the project, or load into a new dataset: --schema\.$/)
    expect(failure.cause).toMatchObject({ reason })
    expect(place.fake.store.statements).toEqual([])
  })
})

describe('rows that are removed on BigQuery', () => {
  const removal = { day: '2026-08-03', where: "__rows._day = DATE '2026-08-03'", rowCount: 1 }

  it.each(['the request', 'the job'])('stay if %s is refused, and the message says what to do', async (what) => {
    await using place = await fakePlace()
    const destination = await opened(place)
    const reason = 'billingNotEnabled'
    const isRemoval = ({ job }: ReceivedRequest) => job?.configuration.labels?.mixload === 'remove'
    if (what === 'the job') place.fake.jobs.courseOf = () => ({ failsWith: reason })
    else place.fake.fault = (request) => (isRemoval(request) ? { status: 403, reason } : undefined)
    const removing = load(destination, 'load-1', relationOf([], []), { removal })
    const failure = await expectFailure(removing, 'DESTINATION_FAILED')
    expect(failure.message).toMatch(
      /removes rows of things only in projects with billing\. Enable billing for the project\.$/,
    )
    expect(place.fake.store.statements).toEqual([])
    expect(await destination.ledger(TABLE)).toEqual([])
  })

  it('are removed by a statement on one partition', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    await load(destination, 'load-1', relationOf([], []), { removal })
    const path = `\`proj\`.\`${DATASET}\`.\`${TABLE}\``
    expect(place.fake.store.statements).toEqual([`DELETE FROM ${path} AS __rows WHERE ${removal.where}`])
  })
})
