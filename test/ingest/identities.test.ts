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

/** Programs per run. Each has its own ids, and all are loaded together, because loading is slow. */
const PROGRAMS = 25
const RUNS = 2

const today = () => new Date().toISOString().slice(0, 10)

/**
 * Sends and loads events. Returns the rows of the view `identities`, and for each exported event
 * `seen` its original and its current id.
 */
async function sendAndLoad(options: SimulatorOptions, send: (client: IngestClient) => Promise<void>) {
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
      .map(({ properties: { distinct_id: current, $distinct_id_before_identity: before } }) => ({
        original: before ?? current,
        current,
      })),
  }
}

/** Asserts that the view resolves the original id of each event to its current id. */
function assertResolved({ identities, seen }: Awaited<ReturnType<typeof sendAndLoad>>): void {
  for (const { original, current } of seen) expect(identities.get(original) ?? original, original).toBe(current)
  expect(identities.size).toBeGreaterThan(0)
  expect([...identities].filter(([original, resolved]) => original === resolved)).toEqual([])
}

describe('in a project with original id merge', () => {
  const person = fc.nat(3)
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('seen' as const), first: fc.nat(7) }) },
    fc.record({ kind: fc.constant('identify' as const), first: person, second: fc.nat(2) }),
    fc.record({ kind: fc.constant('alias' as const), first: person, second: fc.nat(3) }),
    fc.record({ kind: fc.constant('merge' as const), first: fc.nat(7), second: fc.nat(7) }),
  )
  const program = fc.array(step, { minLength: 2, maxLength: 14 })

  it(
    'the view has the identities that were sent, in any order',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(program, { minLength: PROGRAMS, maxLength: PROGRAMS }), async (programs) => {
          const found = await sendAndLoad({}, async (client) => {
            for (const [program, steps] of programs.entries()) {
              const ids = Array.from({ length: 8 }, (_, id) => (id < 4 ? `p${program}-${id}` : randomUUID()))
              const id = (index: number) => ids[index] ?? ''
              // Mixpanel ignores `$identify` of an id that is already linked, which is not visible
              // in an export.
              const linked = new Set<number>()
              for (const { kind, first, ...more } of steps) {
                const second = 'second' in more ? more.second : 0
                if (kind === 'seen') await client.track('seen', {}, { distinctId: id(first) })
                else if (kind === 'identify') {
                  if (!linked.has(4 + second)) await client.identify(id(first), id(4 + second))
                  linked.add(4 + second)
                } else if (first === second) continue
                else if (kind === 'alias') await client.createAlias(id(second), id(first))
                else {
                  await client.merge(id(first), id(second))
                  linked.add(first).add(second)
                }
                // A merge is sent to another endpoint, and the order matters.
                expect(await client.flush()).toMatchObject({ rejected: 0 })
              }
              // The view is computed from events, so each id needs one: see docs/tables.md.
              for (const distinctId of ids) await client.track('seen', {}, { distinctId })
            }
          })
          assertResolved(found)
        }),
        { numRuns: runs(RUNS), endOnFailure: true },
      )
    },
    timeLimitMs(300_000),
  )

  it('an alias, an anonymous id and a merged id belong to the person, and no other id does', async () => {
    const anonymous = '6f1a2b3c-4d5e-4f60-8a9b-0c1d2e3f4a5b'
    const { identities } = await sendAndLoad({}, async (client) => {
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
    'the view has the first user of each device',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(program, { minLength: PROGRAMS, maxLength: PROGRAMS }), async (programs) => {
          const owners = new Map<string, string>()
          const found = await sendAndLoad({ identity: 'simplified' }, async (client) => {
            for (const [program, steps] of programs.entries()) {
              for (const { device, user, isPrefixed } of steps) {
                if (device === null && user === null) continue
                const [deviceId, userId] = [`d${program}-${device}`, `u${program}-${user}`]
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
          // Only devices with an event of their own are visible in the export.
          const changed = found.seen.filter(({ original, current }) => original !== current)
          expect(new Map(changed.map(({ original, current }) => [original, current]))).toEqual(
            new Map([...owners].filter(([device]) => found.seen.some(({ original }) => original === device))),
          )
        }),
        { numRuns: runs(RUNS), endOnFailure: true },
      )
    },
    timeLimitMs(300_000),
  )

  it('identity events are rejected', async () => {
    await using place = await Workplace.create({ token: TOKEN, identity: 'simplified' })
    const client = createClient({ token: TOKEN, apiUrl: place.simulator.url, onNotice: () => {} })
    await client.merge('ann', 'bob')
    const report = await client.close()
    expect(report).toMatchObject({ accepted: 0, rejected: 1 })
    expect(report.rejections[0]?.reason).toContain('identity events')
  })
})
