import { MixloadError } from '../../lib/core/errors.ts'
import { isStatus } from './failures.ts'
import { type JsonObject, textOf } from './json.ts'
import { type LedgerTable, RESOURCES, SCHEMAS } from './ledger.ts'
import type { Table, Tables } from './tables.ts'
import type { BigQueryAddress } from './url.ts'

/** A dataset that exists now. */
export interface ExistingDataset {
  readonly isNew: boolean
  readonly location: string | undefined
}

/**
 * Creates the dataset if it does not exist.
 * @throws MixloadError DESTINATION_FAILED saying which right is missing; CONFIG_INVALID if it is
 *   kept elsewhere.
 */
export async function ensureDataset(
  tables: Tables,
  { project, dataset, location }: BigQueryAddress,
  signal: AbortSignal,
): Promise<ExistingDataset> {
  const found = await permitted(
    tables.getDataset(signal),
    `The account may not see dataset ${dataset} of ${project}. Grant it roles/bigquery.dataEditor on the dataset.`,
  )
  if (found !== undefined) return { isNew: false, location: locationOf(found, location, dataset) }
  const created = await permitted(
    tables.createDataset(location, signal),
    `Project ${project} has no dataset ${dataset}, and the account may not create it. Create it yourself, or grant ` +
      'the account bigquery.datasets.create, which roles/bigquery.user has.',
  )
  if (created !== undefined) return { isNew: true, location: textOf(created.location) ?? location }
  // Created at the same time by somebody else, or by an attempt whose answer was lost.
  return { isNew: false, location: locationOf((await tables.getDataset(signal)) ?? {}, location, dataset) }
}

/**
 * Creates the ledger's tables that are missing, and the columns that an older version did not have.
 */
export async function ensureLedger(tables: Tables, isNew: boolean, signal: AbortSignal): Promise<void> {
  const names = Object.keys(RESOURCES) as LedgerTable[]
  await Promise.all(
    names.map(async (name) => {
      const table = isNew ? undefined : await tables.get(name, signal)
      if (table === undefined) await tables.create(name, RESOURCES[name], signal)
      else await addFields(tables, name, table, signal)
    }),
  )
}

async function addFields(tables: Tables, name: LedgerTable, table: Table, signal: AbortSignal): Promise<void> {
  const missing = SCHEMAS[name].filter((field) => !table.fields.some((existing) => existing.name === field.name))
  if (missing.length === 0) return
  const fields = [...table.fields.map(({ resource }) => resource), ...missing]
  if ((await tables.change(name, table, { schema: { fields } }, signal)) !== undefined) return
  // Somebody else has changed it at the same time, perhaps in the same way.
  const current = await tables.get(name, signal)
  if (current !== undefined) await addFields(tables, name, current, signal)
}

function locationOf(dataset: JsonObject, wanted: string | undefined, name: string): string | undefined {
  const location = textOf(dataset.location)
  if (wanted === undefined || location === undefined || wanted.toLowerCase() === location.toLowerCase()) return location
  throw new MixloadError(
    'CONFIG_INVALID',
    `--destination: dataset ${name} is kept in ${location}, not in ${wanted}, and cannot be moved. Correct the location, or name another dataset.`,
  )
}

async function permitted<T>(call: Promise<T>, advice: string): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (isStatus(error, 403) && error.reason === 'accessDenied') {
      throw new MixloadError('DESTINATION_FAILED', advice, { cause: error })
    }
    throw error
  }
}
