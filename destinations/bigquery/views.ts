import { MixloadError } from '../../lib/core/errors.ts'
import type { View } from '../../lib/destination/contract.ts'
import { type Table, type Tables, untilChanged } from './api/tables.ts'
import { assertTableName } from './dialect.ts'

/**
 * Creates or replaces the views. BigQuery cannot change several of them in one step, so a dry run
 * tries every query before the first view is changed. It reads nothing and is free of charge.
 */
export async function replaceViews(tables: Tables, views: readonly View[]): Promise<void> {
  for (const { name } of views) assertTableName(name)
  const found = await Promise.all(views.map(({ name }) => tables.get(name)))
  for (const [index, { name }] of views.entries()) assertView(name, found[index])
  const bigquery = tables.client.withSignal()
  for (const query of expanded(tables, views)) await bigquery.createQueryJob({ query, dryRun: true })
  for (const [index, view] of views.entries()) {
    // Another query would remove the descriptions of the columns.
    if (found[index]?.query !== view.query) await replace(tables, view, found[index])
  }
}

/** The queries, with those of earlier views in place of their names: they may not exist yet. */
function expanded(tables: Tables, views: readonly View[]): readonly string[] {
  const queries: string[] = []
  for (const { query } of views) {
    const inserted = queries.map((earlier, index) => [tables.path(views[index]?.name ?? ''), `(${earlier}\n)`] as const)
    queries.push(inserted.reduce((text, [path, earlier]) => text.replaceAll(path, () => earlier), query))
  }
  return queries
}

async function replace(tables: Tables, { name, query }: View, found: Table | undefined): Promise<void> {
  const view = { query, useLegacySql: false }
  let current = found
  await untilChanged(`view ${name}`, async () => {
    const replaced =
      current === undefined ? await tables.create(name, { view }) : await tables.change(name, current, { view })
    if (replaced !== undefined) return true
    // Changed since it was read, or changed as wanted by a request whose answer was lost.
    current = await tables.get(name)
    assertView(name, current)
    return false
  })
}

function assertView(name: string, table: Table | undefined): void {
  if (table === undefined || table.kind === 'VIEW') return
  throw new MixloadError(
    'DESTINATION_FAILED',
    `${name} is a ${table.kind} in BigQuery, not a view, and mixload does not replace it. Rename or remove it.`,
  )
}
