import type { Dataset, TableMetadata } from '@google-cloud/bigquery'
import { MixloadError } from '../../../lib/core/errors.ts'
import { quoteName } from '../../../lib/core/sql.ts'
import type { LedgerRow } from '../../../lib/destination/ledger-row.ts'
import { unlessStatus } from './api-failure.ts'
import type { BigQueryClient } from './client.ts'
import { at, type JsonObject, listOf, objectOf, textOf } from './json.ts'

/** A column of a table. */
export interface Field {
  readonly name: string
  readonly type: string
  /** As the API has it, with what mixload does not know; it must go back unchanged. */
  readonly resource: JsonObject
}

/** A table or view as it was read. */
export interface Table {
  readonly etag: string
  /** `TABLE`, `VIEW` and so on. */
  readonly kind: string
  readonly fields: readonly Field[]
  readonly description: string
  /** The query of a view. */
  readonly query: string | undefined
  /** The column whose days are the partitions; undefined if there are none, or others. */
  readonly dayColumn: string | undefined
  /** The size of its rows, before compression. */
  readonly bytes: number
  /** Partitioning and clustering, as the API has them. */
  readonly layout: JsonObject
}

/** The tables and views of a dataset, and the rows of small ones. None of this costs anything. */
export class Tables {
  readonly client: BigQueryClient
  readonly #name: string

  constructor(client: BigQueryClient, dataset: string) {
    this.client = client
    this.#name = dataset
  }

  /** The dataset's resource; undefined if it does not exist. */
  async getDataset(signal?: AbortSignal): Promise<JsonObject | undefined> {
    return unlessStatus(404, async () => (await this.#dataset(signal).getMetadata())[0])
  }

  /** Returns the resource of the new dataset; undefined if it exists already. */
  async createDataset(location: string | undefined, signal?: AbortSignal): Promise<JsonObject | undefined> {
    const resource = { ...(location === undefined ? {} : { location }), description: 'Loaded from Mixpanel by mixload' }
    return unlessStatus(409, async () => {
      const [, created] = await this.client.withSignal(signal).createDataset(this.#name, resource)
      return objectOf(created)
    })
  }

  /** Undefined if it does not exist. */
  async get(table: string, signal?: AbortSignal): Promise<Table | undefined> {
    return unlessStatus(404, async () => tableOf((await this.#dataset(signal).table(table).getMetadata())[0]))
  }

  /** Undefined if it exists already. */
  async create(table: string, resource: JsonObject, signal?: AbortSignal): Promise<Table | undefined> {
    await this.client.pace.wait(table, resource.timePartitioning !== undefined, signal)
    return unlessStatus(409, async () => {
      const [, created] = await this.#dataset(signal).createTable(table, resource as TableMetadata)
      return tableOf(created)
    })
  }

  /** Changes what `resource` has; undefined if the table was changed since it was `read`. */
  async change(table: string, read: Table, resource: JsonObject, signal?: AbortSignal): Promise<Table | undefined> {
    await this.client.pace.wait(table, read.dayColumn !== undefined, signal)
    return unlessStatus(412, async () => {
      // Google's client sends the etag of the metadata as If-Match.
      const metadata = { ...resource, etag: read.etag } as TableMetadata
      const [changed] = await this.#dataset(signal).table(table).setMetadata(metadata)
      return tableOf(changed)
    })
  }

  /** Does nothing if it does not exist. */
  async remove(table: string, signal?: AbortSignal): Promise<void> {
    await unlessStatus(404, () => this.#dataset(signal).table(table).delete())
  }

  /**
   * All rows of a small table, in no order; none if it does not exist. The values are the texts
   * that the API returns, but moments are ISO texts: Google's client would turn whole numbers into
   * doubles, and moments before 1970 into others.
   */
  async rows(table: string, signal?: AbortSignal): Promise<readonly LedgerRow[]> {
    const listed = this.#dataset(signal).table(table)
    const rows: readonly unknown[] =
      (await unlessStatus(404, async () => (await listed.getRows({ skipParsing: true }))[0])) ?? []
    // The client has fetched the schema to list the rows.
    const { fields } = tableOf(listed.metadata)
    return rows.map((row) =>
      Object.fromEntries(
        listOf(at(row, 'f')).map((cell, column) => {
          const { name = '', type } = fields[column] ?? {}
          const text = textOf(at(cell, 'v')) ?? null
          return [name, text !== null && type === 'TIMESTAMP' ? isoTextOf(text) : text]
        }),
      ),
    )
  }

  /** How jobs name a table, or a partition of one. */
  reference(table: string): { readonly projectId: string; readonly datasetId: string; readonly tableId: string } {
    return { projectId: this.client.project, datasetId: this.#name, tableId: table }
  }

  /** How queries name a table or view. */
  path(table: string): string {
    return [this.client.project, this.#name, table].map((part) => quoteName(part, '`')).join('.')
  }

  #dataset(signal: AbortSignal | undefined): Dataset {
    return this.client.withSignal(signal).dataset(this.#name)
  }
}

/** How often something is read again when somebody else changes it at the same time. */
const TRIES = 5

/** Repeats a change that returns false where somebody else has changed the same meanwhile. */
export async function untilChanged(what: string, change: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < TRIES; attempt++) if (await change()) return
  throw new MixloadError('DESTINATION_UNAVAILABLE', `Somebody else keeps changing ${what} in BigQuery.`)
}

/** The API lists moments as microseconds since 1970. */
function isoTextOf(microseconds: string): string {
  return new Date(Number(BigInt(microseconds) / 1000n)).toISOString()
}

function tableOf(resource: unknown): Table {
  const { etag, type, description, numBytes, view, timePartitioning, rangePartitioning, clustering } =
    objectOf(resource)
  const fields = listOf(at(resource, 'schema', 'fields')).map((value): Field => {
    const field = objectOf(value)
    return { name: textOf(field.name) ?? '', type: textOf(field.type) ?? '', resource: field }
  })
  const isByDay = at(timePartitioning, 'type') === 'DAY'
  return {
    etag: textOf(etag) ?? '',
    kind: textOf(type) ?? '',
    fields,
    description: textOf(description) ?? '',
    query: textOf(at(view, 'query')),
    bytes: Number(numBytes ?? 0),
    dayColumn: isByDay ? textOf(at(timePartitioning, 'field')) : undefined,
    layout: Object.fromEntries(
      Object.entries({ timePartitioning, rangePartitioning, clustering }).filter(([, value]) => value !== undefined),
    ),
  }
}
