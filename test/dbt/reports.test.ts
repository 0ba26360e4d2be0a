import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packagePath } from '../../lib/core/package-root.ts'
import { type MacroValue, renderMacro } from '../../lib/reports/macros.ts'
import { Workplace } from '../cmd/run-mixload.ts'
import { dbtProject, MODELS } from './project.ts'
import { duckdb, postgres } from './warehouses.ts'

type Values = Readonly<Record<string, MacroValue>>

const STEPS = [{ event: "It's", where: "plan = 'a'" }, { event: ['B', 'C'], name: 'Back\\slash' }, { event: 'C' }]

/** Calls of macros, by the names of the models that they are. */
const CALLS: Readonly<Record<string, readonly [macro: string, values: Values]>> = {
  first_funnel: ['funnel', { steps: STEPS, timezone: 'Europe/Berlin', first_day: '2026-03-01' }],
  totals: ['funnel', { steps: STEPS, count: 'totals', exclusions: [{ event: "It's", after: 1, before: 3 }] }],
  sessions_in_any_order: [
    'funnel_attempts',
    { steps: [...STEPS, { event: 'D', anchored: true }], count: 'sessions', order: 'any', hold: ['plan'] },
  ],
  best: ['funnel', { steps: STEPS, optimized_reentry: true, window: 2, window_unit: 'session', grace_seconds: 0 }],
}

/** A JSON text is a literal of Jinja, except null. */
const literal = (value: MacroValue) => JSON.stringify(value)
const withoutSpace = (text: string) => text.replace(/\s+/g, '')

describe.each(Object.entries({ duckdb, postgres }))('the macros of reports on %s', (dialect, newWarehouse) => {
  it('are the same text in dbt and in mixload', { timeout: 300_000 }, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mixload-dbt-reports-'))
    try {
      await using warehouse = await newWarehouse(directory)
      const files = Object.entries(CALLS).map(([model, [macro, values]]) => {
        const given = Object.entries(values).map(([name, value]) => `, ${name}=${literal(value)}`)
        return [`models/${model}.sql`, `{{ mixload.${macro}('(select 1)'${given.join('')}) }}\n`] as const
      })
      const { dbt } = await dbtProject(directory, warehouse, Object.fromEntries(files))
      await dbt('compile', '--select', ...Object.keys(CALLS))
      for (const [model, [macro, values]] of Object.entries(CALLS)) {
        const text = await readFile(join(directory, 'target', 'compiled', 'shop', 'models', `${model}.sql`), 'utf8')
        const own = renderMacro(dialect, macro, { events: '(select 1)', ...values })
        expect(withoutSpace(own)).toBe(withoutSpace(text))
      }
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })

  it('make the model of docs/reports.md', { timeout: 300_000 }, async () => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    const event = (name: string, person: string, day: string, source?: string) => ({
      event: name,
      properties: { time: Date.parse(day), distinct_id: person, $insert_id: `${name}${person}`, utm_source: source },
    })
    await place.simulator.ingest([
      event('Sign Up', 'p1', '2026-03-02', 'mail'),
      event('Order Completed', 'p1', '2026-03-20'),
      event('Sign Up', 'p2', '2026-03-02', 'mail'),
      event('Sign Up', 'p3', '2026-03-02', 'ads'),
      event('Order Completed', 'p3', '2026-03-03'),
    ])
    const days = ['--from', '2026-03-01', '--to', '2026-03-31', '--destination', warehouse.url]
    expect(await place.run(['backfill', ...days])).toMatchObject({ code: 0 })
    const page = await readFile(packagePath('docs', 'reports.md'), 'utf8')
    const [, model = ''] = /```sql\n([^`]*mixload\.funnel\([^`]*)```/.exec(page) ?? []
    const project = join(place.directory, 'dbt')
    const { dbt } = await dbtProject(project, warehouse, { 'models/sign_ups.sql': model })
    await dbt('run', '--select', '+sign_ups')
    const rows = await warehouse.query(`SELECT step_name, reached FROM ${MODELS}.sign_ups ORDER BY step_number`)
    expect(rows.map((row) => Object.values(row).join(': '))).toEqual(['Sign Up: 2', 'Order Completed: 1'])
  })
})
