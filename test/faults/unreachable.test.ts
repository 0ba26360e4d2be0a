import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventsOf, Workplace } from '../cmd/run-mixload.ts'

let place: Workplace
beforeAll(async () => {
  place = await Workplace.create()
  await place.simulator.ingest(eventsOf('2026-03-01', 3))
})
afterAll(() => place[Symbol.asyncDispose]())

it.each([
  ['refuses connections', 'postgres://u@127.0.0.1:1/d'],
  ['has a name that is not known', 'postgres://u@nowhere.invalid/d'],
])('a Postgres that %s is reported at once where somebody waits for it', async (_, url) => {
  const more = { MIXLOAD_DESTINATION: url, PGPASSWORD: 'x', MIXLOAD_FROM: undefined }
  for (const args of [['status'], ['plan', '--from', '2026-03-01'], ['sync', '--dry-run']]) {
    const { code, stderr } = await place.run(args, more)
    expect([code, stderr]).toEqual([1, expect.stringContaining('"code":"DESTINATION_UNAVAILABLE"')])
    expect(stderr).not.toContain('"kind":"retry"')
  }
  const { code, stdout } = await place.run(['check'], more)
  expect([code, stdout]).toEqual([1, expect.stringMatching(/^NO {2}destination: Cannot open postgres:/m)])
})

it('a line break at the end of a secret, as Kubernetes has it, is not part of it', async () => {
  const secret = place.environment().MIXPANEL_SERVICE_ACCOUNT_SECRET
  for (const end of ['\n', '\r\n']) {
    const { code, stdout } = await place.run(['check'], {
      MIXPANEL_SERVICE_ACCOUNT_SECRET: `${secret}${end}`,
      MIXPANEL_PROJECT_ID: `1000${end}`,
      MIXLOAD_DESTINATION: `duckdb:${place.database}${end}`,
    })
    expect([code, stdout]).toEqual([0, expect.stringContaining('the service account is accepted')])
    expect(stdout).toContain(`ok  destination: duckdb:${place.database} can be written`)
  }
})
