import { describe, expect, it } from 'vitest'
import type { Column } from '../../lib/columns/column.ts'
import { companionName } from '../../lib/columns/naming.ts'
import { commentsOn, commentsToWrite } from '../../lib/describe/comments.ts'
import type { KnownTable } from '../../lib/describe/known-tables.ts'
import type { Comments } from '../../lib/destination/contract.ts'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import { type DestinationHarness, openStore } from './harness.ts'
import { COLUMNS, load, makeTable, newColumns, property, relationOf, TABLE, thing } from './rows.ts'

/** Texts that comments may have. */
const TEXTS = [
  'It\'s a "name" with `quotes` and a \\',
  'two\nlines and a\ttab',
  "'; DROP TABLE things; --",
  '{{projectId}} $1 ? %s',
  'größe 日本語 😀',
  ' ',
]

const known: KnownTable = {
  name: TABLE,
  description: 'What is loaded',
  columns: [],
  properties: {},
  key: [],
  streams: [],
}

/** Writes the comments that a table is to have. */
async function describeTable(destination: Warehouse, scope: 'missing' | 'all' = 'missing'): Promise<number> {
  const columns = await destination.columns(TABLE)
  const wanted = commentsOn({ known, columns, views: [], lexicon: {} })
  const { commentBytesMax } = destination.capabilities
  const changes = commentsToWrite(wanted, await destination.comments([TABLE]), scope, commentBytesMax)
  if (changes.length > 0) await destination.putComments(changes)
  return changes.length
}

async function commentsOf(destination: Warehouse, name = TABLE): Promise<Comments | undefined> {
  return (await destination.comments([name, 'nothing'])).find((comments) => comments.name === name)
}

export function comments(harness: DestinationHarness): void {
  describe('comments', () => {
    it('are kept as they are written, whatever is in them', async () => {
      await using store = await openStore(harness)
      const columns = TEXTS.map((_, at) => property(`column_${at}`))
      await makeTable(store.destination, columns)
      const before = await commentsOf(store.destination)
      // A destination without comments accepts them.
      const written = new Map(columns.map(({ name }, at) => [name, TEXTS[at] ?? '']))
      await store.destination.putComments([{ name: TABLE, kind: 'table', text: TEXTS.join('\n'), columns: written }])
      if (before === undefined) return
      expect(before).toMatchObject({ kind: 'table', text: null })
      expect([...before.columns.values()].every((comment) => comment === null)).toBe(true)
      const after = await commentsOf(store.destination)
      expect(after?.text).toBe(TEXTS.join('\n'))
      for (const [name, text] of written) expect(after?.columns.get(name)).toBe(text)
      expect(after?.columns.get('_load_id')).toBeNull()
    })

    it('name the property, however long its name is, and are written once', async () => {
      await using store = await openStore(harness)
      const long: Column = { ...property('long'), property: 'ä'.repeat(5000) }
      const strange: Column = { ...property('strange'), property: 'a"b\'c\n`d`' }
      await makeTable(store.destination, [long, strange])
      const count = await describeTable(store.destination)
      if (count === 0) return
      const { columns, text } = (await commentsOf(store.destination)) ?? {}
      expect(text).toBe('What is loaded.')
      expect(columns?.get('long')).toMatch(/^Property ä{400}/)
      expect(columns?.get('strange')).toMatch(/^Property a"b'c\n`d`\. First seen \d{4}-\d\d-\d\d\.$/)
      expect(await describeTable(store.destination)).toBe(0)
      expect(await describeTable(store.destination, 'all')).toBe(0)
    })

    it('follow new columns and companions, and leave what the user has written', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      if ((await describeTable(store.destination)) === 0) return
      await store.destination.putComments([
        { name: TABLE, kind: 'table', text: 'Ours', columns: new Map([['name', 'Their name']]) },
      ])
      const companion: Column = {
        name: companionName('amount'),
        type: 'text',
        role: 'companion',
        property: 'amount',
        owner: 'amount',
      }
      await store.destination.addColumns(TABLE, newColumns([companion, property('later')]))
      expect(await describeTable(store.destination)).toBe(1)
      const { columns, text } = (await commentsOf(store.destination)) ?? {}
      expect(text).toBe('Ours')
      expect(columns?.get('name')).toBe('Their name')
      expect(columns?.get('amount')).toMatch(/Values that do not fit are in amount__text, as text\.$/)
      expect(columns?.get('amount__text')).toMatch(
        /^Values of the property amount that do not fit into amount, as text\./,
      )
      expect(columns?.get('later')).toMatch(/^Property later\. First seen /)
      expect(await describeTable(store.destination, 'all')).toBe(1)
      expect((await commentsOf(store.destination))?.text).toBe('What is loaded.')
    })

    it('on a view stay until it gets another query', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      const path = store.destination.pathInViews(TABLE)
      const view = (columns: string) =>
        store.destination.putViews([{ name: 'all_things', query: `SELECT ${columns} FROM ${path}` }])
      await view('name, amount')
      const change = {
        name: 'all_things',
        kind: 'view',
        text: 'A view',
        columns: new Map([['name', 'A name']]),
      } as const
      if ((await commentsOf(store.destination, 'all_things')) === undefined) return
      await store.destination.putComments([change])
      const check = async () => {
        const found = await commentsOf(store.destination, 'all_things')
        expect(found).toMatchObject({ kind: 'view', text: 'A view' })
        expect(found?.columns.get('name')).toBe('A name')
        expect(found?.columns.get('amount')).toBeNull()
      }
      await check()
      await view('name, amount')
      await check()
      await view('name, amount, _load_id')
      await store.destination.putComments([change])
      await check()
      expect((await commentsOf(store.destination, 'all_things'))?.columns.has('_load_id')).toBe(true)
    })

    it('outlive loads, replaced tables and reopening', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      if ((await describeTable(store.destination)) === 0) return
      const before = await commentsOf(store.destination)
      await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
      await load(store.destination, 'load-2', relationOf(COLUMNS, [thing('b')]), { mode: { kind: 'replace-table' } })
      const second = (await store.reopen?.()) ?? store.destination
      await second.open(new AbortController().signal)
      expect(await commentsOf(second)).toEqual(before)
      expect(await store.readRows(TABLE)).toHaveLength(1)
    })
  })
}
