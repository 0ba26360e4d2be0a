import { describe, expect, it } from 'vitest'
import { columnName, NAME_BYTES_MAX } from '../../lib/columns/naming.ts'
import { failureOf } from './failures.ts'
import { type DestinationHarness, openStore } from './harness.ts'
import { load, makeTable, newColumns, property, relationOf, TABLE, values } from './rows.ts'

/** Properties as users have them, whose column names are all letters, digits and `_`. */
const PROPERTIES = [
  'Plan',
  '$os',
  'a b',
  'größe',
  'Ünïcödé',
  '日本語',
  'ไทย',
  'select',
  'table',
  'order',
  'user',
  'null',
  '1st',
  '_',
]

/** Names that no property gets. */
const HOSTILE = [
  'a"b',
  '""',
  "it's",
  'a;b',
  '"; DROP TABLE things; --',
  'a b',
  ' ',
  'a\\b',
  'a\nb',
  '`a`',
  '[a]',
  '$1',
  '?',
  '{{columns}}',
  '%s',
  '😀',
]

/** A name of exactly so many bytes, most of them in letters of two bytes each. */
function nameOfBytes(bytes: number): string {
  return 'é'.repeat(Math.floor(bytes / 2)) + 'x'.repeat(bytes % 2)
}

export function names(harness: DestinationHarness): void {
  describe('names', () => {
    it('of properties in any script, and of words of SQL, are kept', async () => {
      await using store = await openStore(harness)
      const given = PROPERTIES.map((name) => ({ ...property(columnName(name)), property: name }))
      const row = Object.fromEntries(given.map(({ name }) => [name, `value of ${name}`]))
      await makeTable(store.destination, given)
      await load(store.destination, 'load-1', relationOf(given, [row]))
      expect((await store.destination.columns(TABLE)).slice(0, given.length)).toMatchObject(given)
      expect(values(await store.readRows(TABLE))).toEqual([row])
    })

    it('of as many bytes as promised are kept apart to the last byte', async () => {
      await using store = await openStore(harness)
      const { identifierBytesMax } = store.destination.capabilities
      expect(identifierBytesMax).toBeGreaterThanOrEqual(NAME_BYTES_MAX)
      const longest = nameOfBytes(identifierBytesMax)
      expect(Buffer.byteLength(longest)).toBe(identifierBytesMax)
      const sibling = `${longest.slice(0, -1)}${'y'.repeat(Buffer.byteLength(longest.slice(-1)))}`
      const given = [property(longest), property(sibling)]
      const row = { [longest]: 'one', [sibling]: 'other' }
      await makeTable(store.destination, given)
      await load(store.destination, 'load-1', relationOf(given, [row]))
      expect((await store.destination.columns(TABLE)).slice(0, 2).map(({ name }) => name)).toEqual([longest, sibling])
      expect(values(await store.readRows(TABLE))).toEqual([row])
    })

    it('of one byte more than promised are kept whole or refused, never cut off', async () => {
      await using store = await openStore(harness)
      const long = property(nameOfBytes(store.destination.capabilities.identifierBytesMax + 1))
      const plain = property('plain')
      await makeTable(store.destination, [plain])
      const accepted = await store.destination.addColumns(TABLE, newColumns([long])).then(
        () => true,
        (error: unknown) => failureOf(Promise.reject(error)).then(() => false),
      )
      const used = accepted ? [plain, long] : [plain]
      const row = Object.fromEntries(used.map(({ name }) => [name, 'here']))
      await load(store.destination, 'load-1', relationOf(used, [row]))
      expect(values(await store.readRows(TABLE))).toEqual([row])
    })

    it.each(HOSTILE)('such as %j are kept as they are or refused, and never do harm', async (name) => {
      await using store = await openStore(harness)
      const plain = property('plain')
      await makeTable(store.destination, [plain])
      const hostile = property(name)
      const accepted = await store.destination.addColumns(TABLE, newColumns([hostile])).then(
        () => true,
        (error: unknown) => failureOf(Promise.reject(error)).then(() => false),
      )
      const used = accepted ? [plain, hostile] : [plain]
      const row = Object.fromEntries(used.map((column) => [column.name, 'here']))
      await load(store.destination, 'load-1', relationOf(used, [row]))
      expect(values(await store.readRows(TABLE))).toEqual([row])
      expect((await store.destination.columns(TABLE)).some((column) => column.name === name)).toBe(accepted)
    })

    it('of load, stream, selection and table may hold quotes', async () => {
      await using store = await openStore(harness)
      const awkward = `it's "so"; -- \\ é`
      const loaded = await load(store.destination, awkward, relationOf([], []), {
        record: { stream: awkward, selection: { kind: 'unknown', text: awkward } },
      })
      expect(await store.destination.ledger(awkward)).toEqual([loaded])
      expect(loaded).toMatchObject({ loadId: awkward, stream: awkward, selection: { text: awkward } })
      expect(await store.destination.columns(awkward)).toEqual([])
    })

    it('of properties and first loads may hold anything that text can', async () => {
      await using store = await openStore(harness)
      const awkward = `it's "so"; -- \\ é \t\u2028😀`
      const given = newColumns([{ ...property('plan'), property: awkward }], awkward)
      await store.destination.addColumns(TABLE, given)
      expect(await store.destination.columns(TABLE)).toMatchObject(given)
    })
  })
}
