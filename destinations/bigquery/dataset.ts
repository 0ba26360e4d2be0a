import { MixloadError } from '../../lib/errors.ts'
import { type Answer, textOf } from './answers.ts'
import { isStatus } from './failures.ts'
import { type LedgerTable, RESOURCES, SCHEMAS } from './ledger.ts'
import type { Table, Tables } from './tables.ts'
import type { BigQueryAddress } from './url.ts'

/** A dataset that is there now. */
export interface MadeDataset {
  readonly isNew: boolean
  readonly location: string | undefined
}

/**
 * The dataset, made where it is not there and may be made.
 * @throws MixloadError DESTINATION_FAILED saying which right is missing; CONFIG_INVALID where it is kept elsewhere.
 */
export async function makeDataset(
  tables: Tables,
  { project, dataset, location }: BigQueryAddress,
  signal: AbortSignal,
): Promise<MadeDataset> {
  const found = await allowed(
    tables.getDataset(signal),
    `The account may not see dataset ${dataset} of ${project}. Grant it roles/bigquery.dataEditor on the dataset.`,
  )
  if (found !== undefined) return { isNew: false, location: locationOf(found, location, dataset) }
  const created = await allowed(
    tables.createDataset(location, signal),
    `There is no dataset ${dataset} in ${project}, and the account may not make one (bigquery.datasets.create, which ` +
      'roles/bigquery.user has). Make it yourself, or grant that role.',
  )
  if (created !== undefined) return { isNew: true, location: textOf(created.location) ?? location }
  // Made by somebody else in this moment, or by a try whose answer was lost.
  return { isNew: false, location: locationOf((await tables.getDataset(signal)) ?? {}, location, dataset) }
}

/** The ledger's tables, as far as they are missing, and the columns that those of an older version lack. */
export async function makeLedger(tables: Tables, isNew: boolean, signal: AbortSignal): Promise<void> {
  const names = Object.keys(RESOURCES) as LedgerTable[]
  await Promise.all(
    names.map(async (name) => {
      const there = isNew ? undefined : await tables.get(name, signal)
      if (there === undefined) await tables.create(name, RESOURCES[name], signal)
      else await addFields(tables, name, there, signal)
    }),
  )
}

async function addFields(tables: Tables, name: LedgerTable, there: Table, signal: AbortSignal): Promise<void> {
  const missing = SCHEMAS[name].filter((field) => !there.fields.some((other) => other.name === field.name))
  if (missing.length === 0) return
  const fields = [...there.fields.map(({ resource }) => resource), ...missing]
  if ((await tables.change(name, there, { schema: { fields } }, signal)) !== undefined) return
  // Somebody else has changed it in this moment, perhaps in the same way.
  const anew = await tables.get(name, signal)
  if (anew !== undefined) await addFields(tables, name, anew, signal)
}

function locationOf(dataset: Answer, wanted: string | undefined, name: string): string | undefined {
  const location = textOf(dataset.location)
  if (wanted === undefined || location === undefined || wanted.toLowerCase() === location.toLowerCase()) return location
  throw new MixloadError(
    'CONFIG_INVALID',
    `--destination: dataset ${name} is kept in ${location}, not in ${wanted}, and can't be moved. Correct the location, or name another dataset.`,
  )
}

async function allowed<T>(call: Promise<T>, advice: string): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (isStatus(error, 403) && error.reason === 'accessDenied') {
      throw new MixloadError('DESTINATION_FAILED', advice, { cause: error })
    }
    throw error
  }
}
