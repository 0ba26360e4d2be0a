import { describe, expect, it } from 'vitest'
import { eventsOf, Workplace } from '../cmd/run-mixload.ts'
import { dbtProject, MODELS } from './project.ts'
import { duckdb, type NewDbtWarehouse, postgres } from './warehouses.ts'

const DAY = '2026-08-01'

describe.each<[string, NewDbtWarehouse]>([
  ['DuckDB', duckdb],
  ['Postgres', postgres],
])('models over profiles, cohorts and funnels on %s', (_, newWarehouse) => {
  it('are empty before anything was loaded, and then have what Mixpanel has, with the persons', {
    timeout: 600_000,
  }, async () => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    const { dbt } = await dbtProject(place.directory, warehouse)
    await dbt('build')
    expect(await warehouse.query(`SELECT count(*) AS n FROM ${MODELS}.profiles`)).toEqual([{ n: '0' }])

    const { simulator } = place
    simulator.profiles.set('ada', {
      $email: 'ada@example.com',
      $created: '2025-12-12T11:20:47',
      $city: 'Lyon',
      plan: 'pro',
    })
    simulator.profiles.set('bob', { $name: 'Bob', $created: 'long ago' })
    simulator.cohorts.set({ id: 7, name: 'Both', members: ['anonymous', 'bob'] })
    simulator.funnels.set({
      id: 3,
      name: 'Sign up',
      steps: ['Visit', { event: '$custom_event:1', step_label: 'Signed up' }],
      days: { [DAY]: [20, 5] },
    })
    await simulator.ingest([
      ...eventsOf(DAY, 3),
      {
        event: 'Visit',
        properties: {
          time: Date.parse(`${DAY}T12:00:00Z`),
          distinct_id: 'ada',
          $distinct_id_before_identity: 'anonymous',
          $insert_id: 'x',
        },
      },
    ])
    const backfill = ['backfill', '--from', DAY, '--to', DAY, '--destination', warehouse.url]
    const ran = await place.run(backfill, { MIXLOAD_STREAMS: undefined })
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
    await dbt('build')
    const rows = (columns: string, model: string) =>
      warehouse.query(`SELECT ${columns} FROM ${MODELS}.${model} ORDER BY 1, 2`)
    expect(await rows('distinct_id, person_id, name, email, city, created_at', 'profiles')).toEqual([
      {
        distinct_id: 'ada',
        person_id: 'ada',
        name: null,
        email: 'ada@example.com',
        city: 'Lyon',
        created_at: '2025-12-12 11:20:47',
      },
      { distinct_id: 'bob', person_id: 'bob', name: 'Bob', email: null, city: null, created_at: null },
    ])
    expect(await rows('cohort_name, distinct_id, person_id', 'cohort_membership')).toEqual([
      { cohort_name: 'Both', distinct_id: 'anonymous', person_id: 'ada' },
      { cohort_name: 'Both', distinct_id: 'bob', person_id: 'bob' },
    ])
    const steps = 'date_day, step_number, funnel_name, step_name, people, people_at_start, people_before'
    expect(await rows(steps, 'funnel_steps')).toEqual([
      {
        date_day: DAY,
        step_number: '1',
        funnel_name: 'Sign up',
        step_name: 'Visit',
        people: '20',
        people_at_start: '20',
        people_before: null,
      },
      {
        date_day: DAY,
        step_number: '2',
        funnel_name: 'Sign up',
        step_name: 'Signed up',
        people: '5',
        people_at_start: '20',
        people_before: '20',
      },
    ])
  })

  it('are never made where mixload keeps its own tables', async () => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    const project = 'name: shop\nprofile: shop\nversion: 1.0.0\nmodels:\n  mixload:\n    +schema: raw\n'
    const { dbt } = await dbtProject(place.directory, warehouse, { 'dbt_project.yml': project })
    const variables = `{mixload_schema: ${MODELS}_raw}`
    await expect(dbt('build', '--vars', variables)).rejects.toThrow('where mixload keeps its own tables')
  })
})
