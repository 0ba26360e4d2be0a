import type { Dataset, TableMetadata } from '@google-cloud/bigquery'
import { type Answer, at, listOf, objectOf, textOf } from './answers.ts'
import type { BigQueryClient } from './client.ts'
import { unlessStatus } from './failures.ts'
import type { Pace } from './pace.ts'

/** A column as the API has it. What mixload does not know of it goes back as it came. */
export interface Field {
  readonly name: string
  readonly type: string
  readonly resource: Answer
}

/** A table or view as it is. */
export interface Table {
  readonly etag: string
  /** `TABLE`, `VIEW` and so on. */
  readonly kind: string
  readonly fields: readonly Field[]
  readonly description: string
  /** The column whose days are its partitions; undefined where it is laid out in another way. */
  readonly dayColumn: string | undefined
  /** How it is laid out, as the API has it. */
  readonly layout: Answer
}

/** A row by the names of its columns, with values as Google's client reads them. */
export type ListedRow = Answer

/** The tables and views of a dataset, and the rows of small ones. None of it costs anything. */
export class Tables {
  readonly #client: BigQueryClient
  readonly #pace: Pace
  readonly project: string
  readonly dataset: string

  constructor(client: BigQueryClient, pace: Pace, project: string, dataset: string) {
    this.#client = client
    this.#pace = pace
    this.project = project
    this.dataset = dataset
  }

  /** The dataset's resource; undefined where there is none. */
  async getDataset(signal?: AbortSignal): Promise<Answer | undefined> {
    return unlessStatus(404, async () => (await this.#dataset(signal).getMetadata())[0])
  }

  /** Returns its resource; undefined where there is one already. */
  async createDataset(location: string | undefined, signal?: AbortSignal): Promise<Answer | undefined> {
    const resource = { ...(location === undefined ? {} : { location }), description: 'Loaded from Mixpanel by mixload' }
    return unlessStatus(409, async () => {
      const [, created] = await this.#client.withSignal(signal).createDataset(this.dataset, resource)
      return objectOf(created)
    })
  }

  async get(table: string, signal?: AbortSignal): Promise<Table | undefined> {
    return unlessStatus(404, async () => tableOf((await this.#dataset(signal).table(table).getMetadata())[0]))
  }

  /** Undefined where there is one already. */
  async create(table: string, resource: Answer, signal?: AbortSignal): Promise<Table | undefined> {
    await this.#pace.wait(table, resource.timePartitioning !== undefined, signal)
    return unlessStatus(409, async () => {
      const [, created] = await this.#dataset(signal).createTable(table, resource as TableMetadata)
      return tableOf(objectOf(created))
    })
  }

  /** Changes what `resource` has; undefined if somebody has changed the table since it was read as `read`. */
  async change(table: string, read: Table, resource: Answer, signal?: AbortSignal): Promise<Table | undefined> {
    await this.#pace.wait(table, read.dayColumn !== undefined, signal)
    return unlessStatus(412, async () => {
      // Google's client sends the etag of the metadata as If-Match.
      const metadata = { ...resource, etag: read.etag } as TableMetadata
      const [changed] = await this.#dataset(signal).table(table).setMetadata(metadata)
      return tableOf(objectOf(changed))
    })
  }

  /** Does nothing where there is none. */
  async remove(table: string, signal?: AbortSignal): Promise<void> {
    await unlessStatus(404, () => this.#dataset(signal).table(table).delete())
  }

  /** All rows of a small table, in no order; none if there is no such table. */
  async rows(table: string, signal?: AbortSignal): Promise<readonly ListedRow[]> {
    const rows = await unlessStatus(404, async () => (await this.#dataset(signal).table(table).getRows())[0])
    return rows ?? []
  }

  /** As jobs name a table, or a partition of one. */
  reference(table: string): { readonly projectId: string; readonly datasetId: string; readonly tableId: string } {
    return { projectId: this.project, datasetId: this.dataset, tableId: table }
  }

  #dataset(signal: AbortSignal | undefined): Dataset {
    return this.#client.withSignal(signal).dataset(this.dataset)
  }
}

function tableOf(answer: Answer): Table {
  const fields = listOf(at(answer, 'schema', 'fields')).map((field): Field => {
    const resource = objectOf(field)
    return { name: textOf(resource.name) ?? '', type: textOf(resource.type) ?? '', resource }
  })
  const { timePartitioning, rangePartitioning, clustering } = answer
  const isByDay = at(timePartitioning, 'type') === 'DAY'
  return {
    etag: textOf(answer.etag) ?? '',
    kind: textOf(answer.type) ?? '',
    fields,
    description: textOf(answer.description) ?? '',
    dayColumn: isByDay ? textOf(at(timePartitioning, 'field')) : undefined,
    layout: Object.fromEntries(
      Object.entries({ timePartitioning, rangePartitioning, clustering }).filter(([, value]) => value !== undefined),
    ),
  }
}
