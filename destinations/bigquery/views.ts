import type { View } from '../../lib/destination.ts'
import { MixloadError } from '../../lib/errors.ts'
import { type BigQueryClient, inLocation } from './client.ts'
import { assertTableName } from './dialect.ts'
import type { Table, Tables } from './tables.ts'

/** How often a view is looked at anew when somebody else changes it in the same moment. */
const TRIES = 5

/** What making views needs. */
export interface ViewMaking {
  readonly client: BigQueryClient
  readonly tables: Tables
  readonly location: string | undefined
}

/**
 * Makes the views anew. There is no step that changes several of them at once, so every query is tried before the first
 * view is changed: a dry run reads nothing and costs nothing.
 */
export async function replaceViews({ client, tables, location }: ViewMaking, views: readonly View[]): Promise<void> {
  for (const { name } of views) assertTableName(name)
  const found = await Promise.all(views.map(({ name }) => tables.get(name)))
  for (const [index, { name }] of views.entries()) assertView(name, found[index])
  const bigquery = client.withSignal()
  for (const { query } of views) await bigquery.createQueryJob({ query, dryRun: true, ...inLocation(location) })
  for (const [index, view] of views.entries()) await replace(tables, view, found[index])
}

async function replace(tables: Tables, { name, query }: View, found: Table | undefined): Promise<void> {
  const view = { query, useLegacySql: false }
  let there = found
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const replaced =
      there === undefined
        ? await tables.create(name, { view, description: 'Made by mixload; changes are undone.' })
        : await tables.change(name, there, { view })
    if (replaced !== undefined) return
    // Changed since it was read, or changed as wanted while the answer was lost.
    there = await tables.get(name)
    assertView(name, there)
  }
  throw new MixloadError('DESTINATION_UNAVAILABLE', `The view ${name} is being changed by somebody else.`)
}

function assertView(name: string, table: Table | undefined): void {
  if (table === undefined || table.kind === 'VIEW') return
  throw new MixloadError('DESTINATION_FAILED', `${name} is there in BigQuery and no view: mixload does not replace it.`)
}
