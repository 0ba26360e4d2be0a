import type { Comments } from '../../lib/destination/contract.ts'
import { textOf } from './api/json.ts'
import { type Table, type Tables, untilChanged } from './api/tables.ts'
import { isTableName } from './dialect.ts'
import type { MetadataCache } from './ledger.ts'

/** The descriptions of those of these tables and views that exist. */
export async function readComments(cache: MetadataCache, names: readonly string[]): Promise<readonly Comments[]> {
  const found = await Promise.all(
    names.filter(isTableName).map(async (name) => [name, await cache.reloadTable(name)] as const),
  )
  return found.flatMap(([name, table]) => (table === undefined ? [] : (commentsOf(name, table) ?? [])))
}

function commentsOf(name: string, { kind, description, fields }: Table): Comments | undefined {
  if (kind !== 'TABLE' && kind !== 'VIEW') return undefined
  return {
    name,
    kind: kind === 'TABLE' ? 'table' : 'view',
    text: description === '' ? null : description,
    columns: new Map(fields.map((field) => [field.name, textOf(field.resource.description) ?? null])),
  }
}

/** Changes descriptions, all those of a table or view in one request. */
export async function writeComments(
  { tables, cache }: { readonly tables: Tables; readonly cache: MetadataCache },
  changes: readonly Comments[],
): Promise<void> {
  for (const { name, text, columns } of changes) {
    await untilChanged(`table ${name}`, async () => {
      const table = await cache.reloadTable(name)
      if (table === undefined) return true
      const fields = table.fields.map(({ name: column, resource }) => {
        const description = columns.get(column)
        return description == null ? resource : { ...resource, description }
      })
      const resource = { ...(text === null ? {} : { description: text }), schema: { fields } }
      const changed = await tables.change(name, table, resource)
      if (changed !== undefined) cache.putTable(name, changed)
      return changed !== undefined
    })
  }
}
