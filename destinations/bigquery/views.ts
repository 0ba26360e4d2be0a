import { MixloadError } from '../../lib/core/errors.ts'
import type { View } from '../../lib/destination/contract.ts'
import { type BigQueryClient, pathOf } from './client.ts'
import { assertTableName } from './dialect.ts'
import { isStatus } from './failures.ts'
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
  const path = pathOf(tables.project, 'jobs')
  for (const { query } of views) {
    const body = {
      jobReference: { projectId: tables.project, location },
      configuration: { dryRun: true, query: { query, useLegacySql: false } },
    }
    await client.call({ method: 'POST', path, body })
  }
  for (const [index, view] of views.entries()) await replace(tables, view, found[index])
}

async function replace(tables: Tables, { name, query }: View, found: Table | undefined): Promise<void> {
  const view = { query, useLegacySql: false }
  let there = found
  for (let attempt = 0; attempt < TRIES; attempt++) {
    try {
      if (there !== undefined) {
        await tables.change(name, there, { view })
        return
      }
      if ((await tables.create(name, { view, description: 'Made by mixload; changes are undone.' })) !== undefined)
        return
    } catch (error) {
      // Changed since it was looked at, or changed as wanted while the answer was lost.
      if (!isStatus(error, 412)) throw error
    }
    there = await tables.get(name)
    assertView(name, there)
  }
  throw new MixloadError('DESTINATION_UNAVAILABLE', `The view ${name} is being changed by somebody else.`)
}

function assertView(name: string, table: Table | undefined): void {
  if (table === undefined || table.kind === 'VIEW') return
  throw new MixloadError('DESTINATION_FAILED', `${name} is there in BigQuery and no view: mixload does not replace it.`)
}
