import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { IngestClient } from '../../lib/ingest/client.ts'
import { createClient } from '../../lib/ingest/named-clients.ts'
import type { SimulatorOptions } from '../../lib/simulator/index.ts'
import { Workplace } from '../cmd/run-mixload.ts'
import { farFromMidnight } from '../far-from-midnight.ts'
import { runs, timeLimitMs } from '../runs.ts'
import { lines, requestExport } from '../simulator/requests.ts'

await farFromMidnight()

const TOKEN = 'a-project-token'

/** Programs in one run: each has ids of its own, and all are loaded together, because loading is what takes time. */
const PROGRAMS = 25
const RUNS = 2

const today = () => new Date().toISOString().slice(0, 10)

/**
 * What an export says of each event whose it was and whose it is, and what the view says of whose it was, after all of it
 * has been sent and loaded.
 */
async function told(options: SimulatorOptions, send: (client: IngestClient) => Promise<void>) {
  await using place = await Workplace.create({ token: TOKEN, ...options })
  const client = createClient({ token: TOKEN, apiUrl: place.simulator.url, lingerMs: 5, requestsAtOnce: 1 })
  await send(client)
  expect(await client.close()).toMatchObject({ rejected: 0 })
  const ran = await place.run(['backfill', '--from', today(), '--to', today(), '--streams', 'export'])
  expect(ran).toMatchObject({ code: 0 })
  const rows = await place.query('SELECT original_id, resolved_id FROM identities')
  const identities = new Map(rows.map((row) => [String(row.original_id), String(row.resolved_id)]))
  const { text } = await requestExport(place.simulator, today(), today())
  const events = lines(text).map((line) => JSON.parse(line))
  return {
    identities,
    seen: events
      .filter(({ event }) => event === 'seen')
      .map(({ properties: { distinct_id: is, $distinct_id_before_identity: before } }) => ({ was: before ?? is, is })),
  }
}

/** That the view names, for each id that an event came with, the person that the event now has. */
function assertResolved({ identities, seen }: Awaited<ReturnType<typeof told>>): void {
  for (const { was, is } of seen) expect(identities.get(was) ?? was, was).toBe(is)
  expect(identities.size).toBeGreaterThan(0)
  expect([...identities].filter(([original, resolved]) => original === resolved)).toEqual([])
}

describe('in a project with original id merge', () => {
  const person = fc.nat(3)
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('seen' as const), one: fc.nat(7) }) },
    fc.record({ kind: fc.constant('identify' as const), one: person, other: fc.nat(2) }),
    fc.record({ kind: fc.constant('alias' as const), one: person, other: fc.nat(3) }),
    fc.record({ kind: fc.constant('merge' as const), one: fc.nat(7), other: fc.nat(7) }),
  )
  const program = fc.array(step, { minLength: 2, maxLength: 14 })

  it(
    'the identities that are sent, in any order, are those of the view',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(program, { minLength: PROGRAMS, maxLength: PROGRAMS }), async (programs) => {
          const found = await told({}, async (client) => {
            for (const [at, steps] of programs.entries()) {
              const ids = Array.from({ length: 8 }, (_, id) => (id < 4 ? `p${at}-${id}` : randomUUID()))
              const id = (index: number) => ids[index] ?? ''
              // Mixpanel takes `$identify` of an id that is joined already and does nothing; an export does not tell so.
              const joined = new Set<number>()
              for (const { kind, one, ...more } of steps) {
                const other = 'other' in more ? more.other : 0
                if (kind === 'seen') await client.track('seen', {}, { distinctId: id(one) })
                else if (kind === 'identify') {
                  if (!joined.has(4 + other)) await client.identify(id(one), id(4 + other))
                  joined.add(4 + other)
                } else if (one === other) continue
                else if (kind === 'alias') await client.createAlias(id(other), id(one))
                else {
                  await client.merge(id(one), id(other))
                  joined.add(one).add(other)
                }
                // A merge goes another way than the rest, and their order is what counts.
                expect(await client.flush()).toMatchObject({ rejected: 0 })
              }
              // An id of which there is no event, only verbs know: see docs/tables.md.
              for (const one of ids) await client.track('seen', {}, { distinctId: one })
            }
          })
          assertResolved(found)
        }),
        { numRuns: runs(RUNS), endOnFailure: true },
      )
    },
    timeLimitMs(300_000),
  )

  it('an alias, a person who was anonymous and a merged one are each the person, and nobody else is joined', async () => {
    const anonymous = '6f1a2b3c-4d5e-4f60-8a9b-0c1d2e3f4a5b'
    const { identities } = await told({}, async (client) => {
      for (const id of [anonymous, 'ann@example.com', 'ann-2', 'ann', 'bob']) {
        await client.track('seen', {}, { distinctId: id })
      }
      await client.identify('ann', anonymous)
      await client.createAlias('ann@example.com', 'ann')
      await client.merge('ann', 'ann-2')
    })
    expect(Object.fromEntries(identities)).toEqual({ [anonymous]: 'ann', 'ann-2': 'ann', 'ann@example.com': 'ann' })
  })
})

describe('in a project with simplified id merge', () => {
  const step = fc.record({ device: fc.option(fc.nat(3)), user: fc.option(fc.nat(2)), isPrefixed: fc.boolean() })
  const program = fc.array(step, { minLength: 2, maxLength: 14 })

  it(
    'the devices of users, whoever is seen on them first, are those of the view',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(program, { minLength: PROGRAMS, maxLength: PROGRAMS }), async (programs) => {
          const owners = new Map<string, string>()
          const found = await told({ identity: 'simplified' }, async (client) => {
            for (const [at, steps] of programs.entries()) {
              for (const { device, user, isPrefixed } of steps) {
                if (device === null && user === null) continue
                const [deviceId, userId] = [`d${at}-${device}`, `u${at}-${user}`]
                const properties = {
                  ...(device === null ? {} : { $device_id: isPrefixed ? `$device:${deviceId}` : deviceId }),
                  ...(user === null ? {} : { $user_id: userId }),
                }
                await client.track('seen', properties)
                const key = `$device:${deviceId}`
                if (device !== null && user !== null && !owners.has(key)) owners.set(key, userId)
              }
            }
          })
          assertResolved(found)
          // Those of whom an event was moved; the others, no event tells of.
          const moved = found.seen.filter(({ was, is }) => was !== is)
          expect(new Map(moved.map(({ was, is }) => [was, is]))).toEqual(
            new Map([...owners].filter(([device]) => found.seen.some(({ was }) => was === device))),
          )
        }),
        { numRuns: runs(RUNS), endOnFailure: true },
      )
    },
    timeLimitMs(300_000),
  )

  it('no verbs are taken', async () => {
    await using place = await Workplace.create({ token: TOKEN, identity: 'simplified' })
    const client = createClient({ token: TOKEN, apiUrl: place.simulator.url, onNotice: () => {} })
    await client.merge('ann', 'bob')
    const report = await client.close()
    expect(report).toMatchObject({ accepted: 0, rejected: 1 })
    expect(report.rejections[0]?.reason).toContain('identity events')
  })
})
