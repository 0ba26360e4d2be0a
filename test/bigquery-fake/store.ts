import { createHash } from 'node:crypto'
import { duplicate, invalid, notFound, Refusal } from './refusal.ts'
import { checkChange, checkSchema, type Field, listed, type Row, readRows } from './schema.ts'

export type { Row }

/** docs.cloud.google.com/bigquery/quotas. Tests set lower ones that they can reach. */
export interface Limits {
  readonly loadsPerDay: number
  readonly updatesPerTenSeconds: number
  readonly partitionedUpdatesPerTenSeconds: number
  readonly partitionsPerJob: number
}

export const LIMITS: Limits = {
  loadsPerDay: 1500,
  updatesPerTenSeconds: 5,
  partitionedUpdatesPerTenSeconds: 50,
  partitionsPerJob: 4000,
}

export type Resource = Readonly<Record<string, unknown>>

export interface FakeTable {
  resource: Resource
  rows: readonly Row[]
  etag: string
  /** When it was changed, and when jobs that write it were started. */
  readonly updates: number[]
  readonly jobs: number[]
}

export interface JobConfiguration {
  readonly load?: Transfer
  readonly copy?: Transfer & { readonly sourceTable: Reference }
  readonly query?: { readonly query: string } & Partial<Transfer>
  readonly dryRun?: boolean
  readonly labels?: Readonly<Record<string, string>>
}

interface Transfer {
  readonly destinationTable: Reference
  readonly writeDisposition?: string
  readonly createDisposition?: string
  readonly schema?: { readonly fields: readonly Field[] }
  readonly timePartitioning?: unknown
  readonly clustering?: unknown
}

interface Reference {
  readonly datasetId: string
  readonly tableId: string
}

const TEN_SECONDS_MS = 10_000
const DAY_MS = 86_400_000

/** Datasets and tables, with the rules of BigQuery that the emulators lack. */
export class FakeStore {
  readonly #limits: Limits
  readonly #now: () => number
  /** The rows of a query, which this store cannot run. */
  answer: (query: string) => readonly Row[] = () => []
  /** The statements that query jobs without a destination have run. */
  readonly statements: string[] = []
  readonly datasets = new Map<string, { readonly resource: Resource; readonly tables: Map<string, FakeTable> }>()

  constructor(limits: Limits, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  createDataset(resource: Resource): Resource {
    const id = String((resource.datasetReference as { datasetId: string }).datasetId)
    if (this.datasets.has(id)) throw duplicate(`Dataset ${id}`)
    const made = { location: 'US', ...resource }
    this.datasets.set(id, { resource: made, tables: new Map() })
    return made
  }

  dataset(id: string) {
    const dataset = this.datasets.get(id)
    if (dataset === undefined) throw notFound(`Dataset ${id}`)
    return dataset
  }

  table(dataset: string, id: string): FakeTable {
    const table = this.dataset(dataset).tables.get(id)
    if (table === undefined) throw notFound(`Table ${dataset}.${id}`)
    return table
  }

  createTable(dataset: string, resource: Resource): Resource {
    const { tables } = this.dataset(dataset)
    const id = String((resource.tableReference as { tableId: string }).tableId)
    if (tables.has(id)) throw duplicate(`Table ${id}`)
    if (!/^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd} ]+$/u.test(id)) throw invalid(`Invalid table ID "${id}"`)
    checkSchema(fieldsOf(resource))
    const table: FakeTable = { resource, rows: [], etag: '', updates: [], jobs: [] }
    tables.set(id, table)
    this.#update(table, resource)
    return shown(table)
  }

  changeTable(dataset: string, id: string, change: Resource, ifMatch: string | undefined): Resource {
    const table = this.table(dataset, id)
    if (ifMatch !== undefined && ifMatch !== table.etag)
      throw new Refusal(412, 'conditionNotMet', 'Precondition failed')
    if (String(change.description ?? '').length > 16_384) throw invalid('The description is too long')
    if (change.schema !== undefined) {
      checkSchema(fieldsOf(change))
      checkChange(fieldsOf(table.resource), fieldsOf(change))
    }
    this.#update(table, { ...table.resource, ...change })
    return shown(table)
  }

  deleteTable(dataset: string, id: string): void {
    this.table(dataset, id)
    this.dataset(dataset).tables.delete(id)
  }

  listRows(dataset: string, id: string, first: number, most: number): Resource {
    const { rows, resource } = this.table(dataset, id)
    const fields = fieldsOf(resource)
    const page = rows.slice(first, first + most)
    return {
      totalRows: String(rows.length),
      rows: page.map((row) => ({ f: fields.map((field) => ({ v: listed(row[field.name], field) })) })),
      ...(first + most < rows.length ? { pageToken: String(first + most) } : {}),
    }
  }

  /** Runs a job, which does all of it or fails. */
  run({ load, copy, query }: JobConfiguration, content: string | undefined): void {
    const transfer = load ?? copy ?? query
    if (transfer === undefined) throw invalid('A job without a configuration')
    if (transfer.destinationTable === undefined) {
      if (query !== undefined) this.statements.push(query.query)
      return
    }
    const { datasetId, tableId } = transfer.destinationTable
    const [id = '', partition] = tableId.split('$')
    const table = this.table(datasetId, id)
    this.#countJob(table)
    const fields = fieldsOf(table.resource)
    if (load?.schema !== undefined) {
      checkSchema(load.schema.fields)
      checkChange(fields, load.schema.fields)
      if (load.schema.fields.length > fields.length) throw invalid('Cannot add fields')
    }
    const rows =
      copy !== undefined
        ? this.#rowsOf(copy.sourceTable)
        : query !== undefined
          ? this.#answer(query.query, fields)
          : readRows(content ?? '', load?.schema?.fields ?? fields)
    this.#checkPartitions(table, rows, partition)
    const kept = rowsKept(table, transfer.writeDisposition ?? 'WRITE_APPEND', partition)
    table.rows = [...kept, ...rows]
    if (load?.writeDisposition === 'WRITE_TRUNCATE' && partition === undefined) {
      // The table takes the job's schema and layout.
      const { schema, timePartitioning, clustering } = load
      table.resource = { ...table.resource, schema, timePartitioning, clustering }
    }
    this.#update(table, table.resource)
  }

  #answer(query: string, fields: readonly Field[]): readonly Row[] {
    const required = fields.find(({ mode }) => mode === 'REQUIRED')
    if (required !== undefined) throw invalid(`Field ${required.name} has changed mode from REQUIRED to NULLABLE`)
    return readRows(
      this.answer(query)
        .map((row) => JSON.stringify(row))
        .join('\n'),
      fields,
    )
  }

  #rowsOf({ datasetId, tableId }: Reference): readonly Row[] {
    const [id = '', partition] = tableId.split('$')
    const table = this.table(datasetId, id)
    return partition === undefined ? table.rows : table.rows.filter((row) => dayOf(table, row) === partition)
  }

  #checkPartitions(table: FakeTable, rows: readonly Row[], partition: string | undefined): void {
    if (partition !== undefined) {
      if (table.resource.timePartitioning === undefined) throw invalid('The table has no partitions')
      if (rows.some((row) => dayOf(table, row) !== partition)) throw invalid('Some rows belong to different partitions')
    }
    if (table.resource.timePartitioning === undefined) return
    const count = new Set(rows.map((row) => dayOf(table, row))).size
    if (count > this.#limits.partitionsPerJob) throw invalid(`Too many partitions produced by query: ${count}`)
  }

  #countJob(table: FakeTable): void {
    const now = this.#now()
    if (table.jobs.filter((at) => at > now - DAY_MS).length >= this.#limits.loadsPerDay) {
      throw new Refusal(403, 'quotaExceeded', 'Quota exceeded: your table exceeded quota for imports per table')
    }
    table.jobs.push(now)
  }

  #update(table: FakeTable, resource: Resource): void {
    const now = this.#now()
    const { updatesPerTenSeconds, partitionedUpdatesPerTenSeconds } = this.#limits
    const most = resource.timePartitioning === undefined ? updatesPerTenSeconds : partitionedUpdatesPerTenSeconds
    if (table.updates.filter((at) => at > now - TEN_SECONDS_MS).length >= most) {
      throw new Refusal(403, 'rateLimitExceeded', 'Exceeded rate limits: too many table update operations')
    }
    table.updates.push(now)
    table.resource = resource
    table.etag = createHash('sha1')
      .update(`${table.updates.length} ${now} ${JSON.stringify(resource)}`)
      .digest('hex')
  }
}

export function shown({ resource, etag, rows }: FakeTable): Resource {
  const type = resource.view === undefined ? 'TABLE' : 'VIEW'
  return { type, numRows: String(rows.length), ...resource, etag }
}

function fieldsOf(resource: Resource): readonly Field[] {
  return (resource.schema as { fields?: readonly Field[] } | undefined)?.fields ?? []
}

/** The partition of a row, as jobs name it. */
function dayOf(table: FakeTable, row: Row): string {
  const { field } = table.resource.timePartitioning as { field: string }
  return String(row[field] ?? '')
    .slice(0, 10)
    .replaceAll('-', '')
}

function rowsKept(table: FakeTable, disposition: string, partition: string | undefined): readonly Row[] {
  if (disposition === 'WRITE_APPEND') return table.rows
  return partition === undefined ? [] : table.rows.filter((row) => dayOf(table, row) !== partition)
}
