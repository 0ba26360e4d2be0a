import { describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import type { Column } from '../../lib/columns/column.ts'
import { columnName } from '../../lib/columns/naming.ts'
import { viewsOver } from '../../lib/views/views.ts'
import { type DestinationHarness, openStore, type StoredRow } from './harness.ts'
import { EVENT_COLUMNS, load, newColumns, property, relationOf } from './rows.ts'

const BEFORE = 'mp_distinct_id_before_identity'
const TEXTS = ['$anon_id', '$identified_id', '$anon_distinct_id', 'alias']
const named = (name: string, type?: 'json'): Column => ({
  ...property(columnName(name), type),
  property: name,
})
const ALL = [...TEXTS.map((name) => named(name)), named('$distinct_ids', 'json')]

/** An event with what it says about ids; later ones in a list are processed later. */
type Statement = Readonly<Record<string, string | readonly string[] | null>>

const identify = (anonymous: string, identified: string): Statement => ({
  event: '$identify',
  distinct_id: identified,
  mp_anon_id: anonymous,
  mp_identified_id: identified,
})
const alias = (name: string, person: string): Statement => ({
  event: '$create_alias',
  distinct_id: person,
  alias: name,
})
const merge = (distinctId: string | null, ...ids: readonly string[]): Statement => ({
  event: '$merge',
  distinct_id: distinctId,
  mp_distinct_ids: ids,
})
const rekeyed = (before: string, now: string): Statement => ({ event: 'Order', distinct_id: now, [BEFORE]: before })

export function identities(harness: DestinationHarness): void {
  /** The mapping of the view if the table has these columns besides its own. */
  async function resolved(
    statements: readonly Statement[],
    columns: readonly Column[] = ALL,
  ): Promise<object | undefined> {
    await using store = await openStore(harness)
    const { destination } = store
    await destination.addColumns('export', newColumns([...EXPORT_COLUMNS, ...columns]))
    await destination.putViews(await viewsOver(destination, 'export'))
    const rows = statements.map((statement, at): StoredRow => {
      const { mp_distinct_ids: ids, ...texts } = statement
      const json = ids === undefined ? {} : { mp_distinct_ids: JSON.stringify(ids) }
      return {
        event_id: `e-${at}`,
        time: '2026-08-03T12:00:00.001Z',
        _day: '2026-08-03',
        mp_processing_time_ms: BigInt(1000 + at),
        ...(texts as Readonly<Record<string, string | null>>),
        ...json,
      }
    })
    await load(destination, 'load-1', relationOf([...EVENT_COLUMNS, ...columns], rows), {
      table: 'export',
      record: { stream: 'export' },
    })
    if (!harness.queriesViews) return undefined
    const found = (await store.readRows('identities')).map((row) => [row.original_id, row.resolved_id])
    expect(new Set(found.map(([original]) => original)).size).toBe(found.length)
    return Object.fromEntries(found)
  }
  const same = (found: object | undefined, expected: object) => {
    if (found !== undefined) expect(found).toEqual(expected)
  }

  describe('the view over ids', () => {
    it('exists, and is empty if nothing links ids', async () => {
      same(await resolved([{ event: 'Order', distinct_id: 'ann' }], []), {})
    })

    it('works without the columns of identity events: then only re-keyed events count', async () => {
      same(await resolved([rekeyed('anon', 'ann')], []), { anon: 'ann' })
      same(await resolved([alias('nick', 'ann'), rekeyed('anon', 'ann')], [named('alias')]), {
        anon: 'ann',
        nick: 'ann',
      })
    })

    it('uses $identify, $create_alias, $merge and re-keyed events', async () => {
      const statements = [identify('anon', 'ann'), alias('nick', 'bob'), merge('cem', 'cem', 'cem-2', 'cem-3')]
      same(await resolved([...statements, rekeyed('old', 'dan')]), {
        anon: 'ann',
        nick: 'bob',
        'cem-2': 'cem',
        'cem-3': 'cem',
        old: 'dan',
      })
    })

    it('uses events whose person before the move is in $preshuffle_distinct_id', async () => {
      const shuffled = (before: string, now: string) => ({
        event: 'Open',
        distinct_id: now,
        mp_preshuffle_distinct_id: before,
      })
      const columns = [...ALL, named('$preshuffle_distinct_id')]
      const statements = [shuffled('$device:abc', 'u1'), rekeyed('anon', 'ann'), identify('$device:abc', 'u2')]
      const both = { ...shuffled('b', 'c'), [BEFORE]: 'a' }
      same(await resolved([...statements, shuffled('', 'u3'), shuffled('u4', 'u4'), both], columns), {
        '$device:abc': 'u1',
        anon: 'ann',
        a: 'c',
        b: 'c',
      })
    })

    it('uses distinct_id if $identify does not say who was identified', async () => {
      const statement = { event: '$identify', distinct_id: 'ann', mp_anon_id: 'anon' }
      same(await resolved([statement, { ...statement, mp_anon_id: 'anon-2', mp_identified_id: '' }]), {
        anon: 'ann',
        'anon-2': 'ann',
      })
      const browser = { event: '$identify', distinct_id: 'ann', mp_anon_distinct_id: 'anon' }
      same(await resolved([browser], [named('$anon_distinct_id')]), { anon: 'ann' })
    })

    it('uses the first id of $merge if it has no distinct_id', async () => {
      same(await resolved([merge(null, 'ann', 'bob'), merge('', 'cem', 'dan')]), { bob: 'ann', dan: 'cem' })
    })

    it('follows one link after another', async () => {
      const statements = [identify('a', 'b'), alias('b', 'c'), merge('d', 'c', 'd'), rekeyed('d', 'e')]
      same(await resolved(statements), { a: 'e', b: 'e', c: 'e', d: 'e' })
    })

    it('takes the id that Mixpanel moves events to for the person, and the first time that an id is identified', async () => {
      same(await resolved([rekeyed('anon', 'ann'), identify('anon', 'bob')]), { anon: 'ann', bob: 'ann' })
      same(await resolved([rekeyed('anon', 'ann'), rekeyed('anon', 'bob')]), { anon: 'bob', ann: 'bob' })
      same(await resolved([identify('anon', 'ann'), identify('anon', 'bob')]), { anon: 'ann' })
      same(await resolved([alias('nick', 'ann'), alias('nick', 'bob')]), { nick: 'ann' })
    })

    it('leaves out what Mixpanel refused', async () => {
      const reason = named('$failure_reason')
      const refused = { ...identify('anon-2', 'ann'), mp_failure_reason: 'errAnonDistinctIdAssignedAlready' }
      same(await resolved([identify('anon', 'ann'), refused], [...ALL, reason]), { anon: 'ann' })
    })

    it('has a device with its first user where ids begin with $device:', async () => {
      const device = (id: string, user: string | null): Statement => ({
        event: 'Visit',
        distinct_id: user ?? `$device:${id}`,
        mp_device_id: id,
        mp_user_id: user,
      })
      const columns = [...ALL, named('$device_id'), named('$user_id')]
      const statements = [device('d1', null), device('d1', 'ann'), device('d1', 'bob'), device('d2', null)]
      same(await resolved([...statements, identify('x', 'y')], columns), { '$device:d1': 'ann' })
      same(await resolved([identify('x', 'y'), device('d1', 'ann')], columns), { x: 'y' })
    })

    it('keeps an anonymous id for the person where Mixpanel does', async () => {
      const statements = [identify('anon', 'ann'), identify('anon-2', 'ann'), rekeyed('ann', 'anon')]
      same(await resolved(statements), { ann: 'anon', 'anon-2': 'anon' })
    })

    it('maps all ids of a cycle to one id', async () => {
      const statements = [identify('a', 'b'), identify('b', 'c'), identify('c', 'a'), identify('x', 'b')]
      same(await resolved(statements), { b: 'a', c: 'a', x: 'a' })
    })

    it('ignores what links nothing', async () => {
      const nothing = [identify('', 'ann'), identify('ann', 'ann'), rekeyed('ann', ''), merge('ann'), alias('', 'x')]
      same(await resolved(nothing), {})
    })

    it('ignores a $merge whose ids are not an array', async () => {
      const odd = { event: '$merge', distinct_id: 'ann', mp_distinct_ids: { a: 1 } as unknown as readonly string[] }
      const text = { ...odd, mp_distinct_ids: 'ann' }
      same(await resolved([odd, text, merge('cem', 'cem', 'dan')]), { dan: 'cem' })
    })
  })
}
