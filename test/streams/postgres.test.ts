import { describe, expect, it } from 'vitest'
import { createPostgresDestination } from '../../destinations/postgres/index.ts'
import { ANNOTATIONS_STREAM } from '../../lib/streams/annotations.ts'
import { COHORTS_STREAM } from '../../lib/streams/cohorts.ts'
import { funnelsStream } from '../../lib/streams/funnels.ts'
import { revenueStream } from '../../lib/streams/revenue.ts'
import { newDatabase } from '../postgres/shared.ts'
import { type SimulatedProject, simulatedProject } from './simulated.ts'

const SLICES = [{ firstDay: '2026-08-01', lastDay: '2026-08-03' }]
const VIEWS = ['cohorts', 'annotations', 'funnels', 'funnel_steps', 'revenue'].map((table) => `${table}_latest`)

function fill({ simulator }: SimulatedProject): void {
  simulator.cohorts.set({ id: 7, name: 'Pros', members: ['ann'], created: '2021-09-14 15:57:43' })
  simulator.annotations.set({ id: 1, date: '2026-02-15 12:00:00', description: 'Release', tags: ['new'] })
  simulator.funnels.set({ id: 7509, name: 'Signup', steps: ['App Open', 'Signed Up'] })
  simulator.funnels.setDay(7509, '2026-08-01', [320, 201])
  simulator.profiles.set('ann', { $transactions: [{ $amount: 49.9, $time: '2026-08-01T10:00:00' }] })
}

/** A cell in a form that does not depend on the warehouse: json has its members in no order. */
function comparable(cell: unknown): unknown {
  if (cell instanceof Date) return cell.toISOString()
  return typeof cell === 'string' && /^[[{]/.test(cell) ? JSON.parse(cell) : cell
}

describe('in Postgres', () => {
  it('the streams have the same rows as in DuckDB', async () => {
    await using project = await simulatedProject({ timezone: 'Europe/Berlin' })
    await using database = await newDatabase()
    fill(project)
    const { engine, directory, destination: duckdb, rows } = project.workshop
    await using postgres = createPostgresDestination({
      url: database.url,
      schema: 'mixpanel',
      engine,
      workDirectory: directory,
    })
    await postgres.open(new AbortController().signal)
    for (const destination of [duckdb, postgres]) {
      for (const stream of [COHORTS_STREAM, ANNOTATIONS_STREAM]) await project.run(stream, { destination })
      for (const stream of [funnelsStream(), revenueStream()]) {
        await project.run(stream, { destination, slices: SLICES })
        await project.run(stream, { destination, slices: SLICES, settings: { write: 'replace' } })
      }
    }
    for (const view of VIEWS) {
      const columns = (await duckdb.columns(view.replace('_latest', ''))).flatMap(({ name, type }) => {
        if (['_loaded_at', '_load_id'].includes(name)) return []
        return [type === 'date' ? `CAST("${name}" AS VARCHAR) AS "${name}"` : `"${name}"`]
      })
      const query = (from: string) => `SELECT ${columns.join(', ')} FROM ${from} ORDER BY 1, 2, 3, 4`
      const [inDuckDb, inPostgres] = await Promise.all([rows(query(view)), database.query(query(`mixpanel.${view}`))])
      expect(inDuckDb.length).toBeGreaterThan(0)
      const cells = (found: readonly Record<string, unknown>[]) =>
        found.map((row) => Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, comparable(cell)])))
      expect(cells(inPostgres), view).toEqual(cells(inDuckDb))
    }
  })
})
