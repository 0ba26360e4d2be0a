/** Runs the macros of reports on a few events, in the warehouses that run here. */
import { DuckDBInstance } from '@duckdb/node-api'
import { type MacroValue, renderMacro } from '../../lib/reports/macros.ts'
import { connect, newDatabase } from '../postgres/shared.ts'

/** An event as reports see it, with a few properties. */
export interface ReportEvent {
  readonly event_id: string
  readonly event_name: string
  readonly person_id: string | null
  /** Milliseconds since 1970. */
  readonly time: number | null
  readonly plan?: string | null
  readonly amount?: number | null
}

export type ReportRow = Readonly<Record<string, string | number | boolean | null>>

export interface ReportWarehouse extends AsyncDisposable {
  readonly dialect: string
  /** The rows of a report on these events, in the order of all of their columns. */
  report(
    macro: string,
    events: readonly ReportEvent[],
    values: Readonly<Record<string, MacroValue>>,
  ): Promise<readonly ReportRow[]>
}

type NewReportWarehouse = () => Promise<ReportWarehouse>

export const WAREHOUSES: Readonly<Record<string, NewReportWarehouse>> = {
  DuckDB: async () => {
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    // No report may depend on the zone of the session.
    await connection.run("SET TimeZone = 'Asia/Tokyo'")
    return {
      dialect: 'duckdb',
      report: async (macro, events, values) => {
        for (const statement of statements(events)) await connection.run(statement)
        const sql = renderMacro('duckdb', macro, { events: 'events', ...values })
        return ordered((await connection.runAndReadAll(sql)).getRowObjectsJson())
      },
      async [Symbol.asyncDispose]() {
        connection.closeSync()
        instance.closeSync()
      },
    }
  },
  Postgres: async () => {
    const database = await newDatabase()
    const client = await connect(database.url)
    await client.query("SET TimeZone = 'Asia/Tokyo'")
    return {
      dialect: 'postgres',
      report: async (macro, events, values) => {
        for (const statement of statements(events)) await client.query(statement)
        const sql = renderMacro('postgres', macro, { events: 'events', ...values })
        return ordered((await client.query(sql)).rows)
      },
      async [Symbol.asyncDispose]() {
        await client[Symbol.asyncDispose]()
        await database[Symbol.asyncDispose]()
      },
    }
  },
}

/** Makes the table of these events, in statements of a few rows each. */
function statements(events: readonly ReportEvent[]): readonly string[] {
  const text = (value: string | null | undefined) =>
    value === null || value === undefined ? 'null' : `'${value.replaceAll("'", "''")}'`
  const rows = events.map(({ event_id, event_name, person_id, time, plan, amount }) => {
    const moment = time === null ? null : new Date(time).toISOString()
    return `(${[event_id, event_name, person_id, moment, plan].map(text).join(', ')}, ${amount ?? 'null'})`
  })
  const inserts: string[] = []
  for (let at = 0; at < rows.length; at += 100) {
    inserts.push(`insert into events values ${rows.slice(at, at + 100).join(', ')}`)
  }
  return [
    'drop table if exists events',
    `create temporary table events (
      event_id text, event_name text, person_id text, occurred_at timestamp with time zone, plan text, amount double precision
    )`,
    ...inserts,
  ]
}

/** With the values of both drivers in one form, and in one order. */
export function ordered(rows: readonly Readonly<Record<string, unknown>>[]): readonly ReportRow[] {
  return rows
    .map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)])))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

function plain(value: unknown): string | number | boolean | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'boolean') return value
  const text = String(value)
  if (text === 't' || text === 'f') return text === 't'
  if (/^-?\d+(\.\d+)?(e[-+]?\d+)?$/.test(text)) return Number(Number(text).toPrecision(12))
  // A moment, with the offset of the session.
  if (/^\d{4}-\d\d-\d\d \d\d:/.test(text)) return new Date(text.replace(/([+-]\d\d)$/, '$1:00')).toISOString()
  return text
}
