import { type Answer, at, listOf, objectOf, textOf } from './answers.ts'
import { type BigQueryClient, pathOf } from './client.ts'
import { isStatus } from './failures.ts'
import type { Pace } from './pace.ts'

/** A column as the API has it. What mixload does not know of it goes back as it came. */
export interface Field {
  readonly name: string
  readonly type: string
  readonly all: Answer
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

/** A row as it is listed: every value a text. */
export type ListedRow = Readonly<Record<string, string | null>>

/** The most rows in an answer; BigQuery ends one at 10 MB, too. */
const ROWS_PER_ANSWER = 10_000

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
    const path = pathOf(this.project, 'datasets', this.dataset)
    return orMissing(this.#client.call({ method: 'GET', path }, signal))
  }

  /** Gives its resource; undefined where there is one already. */
  async createDataset(location: string | undefined, signal?: AbortSignal): Promise<Answer | undefined> {
    const body = {
      datasetReference: { projectId: this.project, datasetId: this.dataset },
      location,
      description: 'Loaded from Mixpanel by mixload',
    }
    return unlessThere(this.#client.call({ method: 'POST', path: pathOf(this.project, 'datasets'), body }, signal))
  }

  async get(table: string, signal?: AbortSignal): Promise<Table | undefined> {
    const answer = await orMissing(this.#client.call({ method: 'GET', path: this.#path(table) }, signal))
    return answer === undefined ? undefined : tableOf(answer)
  }

  /** Undefined where there is one already. */
  async create(table: string, resource: Answer, signal?: AbortSignal): Promise<Table | undefined> {
    await this.#pace.wait(table, resource.timePartitioning !== undefined, signal)
    const path = pathOf(this.project, 'datasets', this.dataset, 'tables')
    const body = { ...resource, tableReference: this.reference(table) }
    const answer = await unlessThere(this.#client.call({ method: 'POST', path, body }, signal))
    return answer === undefined ? undefined : tableOf(answer)
  }

  /** Changes what `resource` has, where the table still has this etag: else fails with status 412. */
  async change(table: string, { etag, dayColumn }: Table, resource: Answer, signal?: AbortSignal): Promise<Table> {
    await this.#pace.wait(table, dayColumn !== undefined, signal)
    const path = this.#path(table)
    return tableOf(await this.#client.call({ method: 'PATCH', path, body: resource, ifMatch: etag }, signal))
  }

  /** Does nothing where there is none. */
  async remove(table: string, signal?: AbortSignal): Promise<void> {
    await orMissing(this.#client.call({ method: 'DELETE', path: this.#path(table) }, signal))
  }

  /** All rows of a small table, in no order, by the names of its first columns; none where there is no such table. */
  async rows(table: string, names: readonly string[], signal?: AbortSignal): Promise<readonly ListedRow[]> {
    const rows: ListedRow[] = []
    let pageToken: string | undefined
    do {
      const query = {
        maxResults: String(ROWS_PER_ANSWER),
        // Microseconds as whole numbers, instead of seconds as decimals.
        'formatOptions.useInt64Timestamp': 'true',
        ...(pageToken === undefined ? {} : { pageToken }),
      }
      const path = `${this.#path(table)}/data`
      const answer: Answer | undefined = await orMissing(this.#client.call({ method: 'GET', path, query }, signal))
      for (const row of listOf(answer?.rows)) rows.push(listedRow(row, names))
      pageToken = textOf(answer?.pageToken)
    } while (pageToken !== undefined)
    return rows
  }

  /** As jobs name a table, or a partition of one. */
  reference(table: string): Answer {
    return { projectId: this.project, datasetId: this.dataset, tableId: table }
  }

  #path(table: string): string {
    return pathOf(this.project, 'datasets', this.dataset, 'tables', table)
  }
}

function tableOf(answer: Answer): Table {
  const fields = listOf(at(answer, 'schema', 'fields')).map((field): Field => {
    const all = objectOf(field)
    return { name: textOf(all.name) ?? '', type: textOf(all.type) ?? '', all }
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

function listedRow(row: unknown, names: readonly string[]): ListedRow {
  const cells = listOf(at(row, 'f'))
  return Object.fromEntries(names.map((name, index) => [name, textOf(objectOf(cells[index]).v) ?? null]))
}

async function orMissing(call: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await call
  } catch (error) {
    if (isStatus(error, 404)) return undefined
    throw error
  }
}

async function unlessThere(call: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await call
  } catch (error) {
    if (isStatus(error, 409)) return undefined
    throw error
  }
}
