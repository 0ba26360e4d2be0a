import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addDays, dayAt } from '../../lib/time/days.ts'
import { onPseudoTerminal, type Typing } from './pseudo-terminal.ts'
import { ACCOUNT, eventsOf, PROJECT, Workplace } from './run-mixload.ts'

const YESTERDAY = addDays(dayAt(Date.now()), -1)
const MONTH_AGO = addDays(YESTERDAY, -29)
const YEAR_AGO = addDays(YESTERDAY, -364)
const OLDEST = addDays(YESTERDAY, -400)

let place: Workplace
beforeEach(async () => {
  place = await Workplace.create({ projectName: 'Shop' })
  await place.simulator.ingest([...eventsOf(OLDEST, 4), ...eventsOf(addDays(YESTERDAY, -100), 3)])
  await place.simulator.ingest(eventsOf(YESTERDAY, 5))
})
afterEach(() => place[Symbol.asyncDispose]())

/** Nothing but where the simulator is, and the secret. */
const BARE = {
  MIXPANEL_PROJECT_ID: undefined,
  MIXPANEL_SERVICE_ACCOUNT: undefined,
  MIXLOAD_DESTINATION: undefined,
  MIXLOAD_STREAMS: undefined,
}
const FLAGS = ['--service-account', ACCOUNT.user, '--streams', 'export']
const path = (name: string) => join(place.directory, name)
const read = (name: string) => readFileSync(path(name), 'utf8')
const settingFiles = () => readdirSync(place.directory).filter((name) => /mixload\.yaml|\.env/.test(name))

describe('without a terminal', () => {
  it('finds the project, tests the destination, shows the periods and writes both files', async () => {
    const ran = await place.run(['init', ...FLAGS, '--destination', 'duckdb:here.duckdb'], BARE)
    expect(ran).toMatchObject({ code: 0 })
    expect(ran.stdout).toContain('here.duckdb can be written\n')
    expect(ran.stdout).toContain(`30 days, from ${MONTH_AGO}: 5 events, `)
    expect(ran.stdout).toMatch(/: 5 events, about (?:0\.[89]|1\.\d) kB, 30 requests?, /)
    expect(ran.stdout).toContain(`1 year, from ${YEAR_AGO}: 8 events, `)
    expect(ran.stdout).toContain(`all, from ${OLDEST}: 12 events, `)
    expect(ran.stdout).toContain(`mixload backfill --config mixload.yaml --from ${MONTH_AGO}\n`)
    expect(read('mixload.yaml')).toContain(`for Shop (${PROJECT})`)
    expect(read('mixload.yaml')).toContain('destination: duckdb:here.duckdb\n')
    expect(read('mixload.yaml')).not.toContain(ACCOUNT.secret)
    expect(read('.env')).toBe(`MIXPANEL_SERVICE_ACCOUNT_SECRET=${ACCOUNT.secret}\n`)
    expect(statSync(path('.env')).mode & 0o777).toBe(0o600)
  })

  it('prints commands that load with these files alone', async () => {
    const { stdout } = await place.run(['init', ...FLAGS, '--from', '7d'], BARE)
    const [, load = ''] = /mixload (backfill .*)/.exec(stdout) ?? []
    const nothing = Object.fromEntries(Object.keys(place.environment()).map((name) => [name, undefined]))
    const own = { PATH: process.env.PATH, HOME: place.directory }
    const ran = await place.run(load.split(' '), { ...nothing, ...own })
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/export .* 5 /) })
  })

  it('changes no file without --force, and with it keeps other variables', async () => {
    writeFileSync(path('mixload.yaml'), 'not: [valid')
    writeFileSync(path('.env'), 'OTHER=1\n', { mode: 0o644 })
    const refused = await place.run(['init', ...FLAGS], BARE)
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('mixload.yaml exists') })
    expect(place.simulator.requests).toEqual([])
    expect(await place.run(['init', ...FLAGS, '--from', '7d', '--force'], BARE)).toMatchObject({ code: 0 })
    expect(read('.env')).toBe(`OTHER=1\nMIXPANEL_SERVICE_ACCOUNT_SECRET=${ACCOUNT.secret}\n`)
    expect(statSync(path('.env')).mode & 0o777).toBe(0o600)
  })

  it.each([
    ['no secret', { MIXPANEL_SERVICE_ACCOUNT_SECRET: undefined }, [], 'set MIXPANEL_SERVICE_ACCOUNT_SECRET'],
    ['a wrong secret', { MIXPANEL_SERVICE_ACCOUNT_SECRET: 'x' }, [], 'does not accept the service account'],
    ['another project', {}, ['--project-id', '7'], `does not see project 7. It sees: ${PROJECT}`],
    ['a bad destination', {}, ['--destination', 'duckdb:/dev/null/x.duckdb'], '/dev/null/x.duckdb'],
    ['no such directory', {}, ['--config', 'missing/x.yaml'], 'there is no directory missing'],
  ])('%s: says so and writes nothing', async (_, environment, args, message) => {
    const ran = await place.run(['init', ...FLAGS, ...args], { ...BARE, ...environment })
    expect(ran.code).toBeGreaterThan(0)
    expect(ran.stderr).toContain(message)
    expect(settingFiles()).toEqual([])
  })
})

describe('on a terminal', () => {
  const NO_SECRET = { ...BARE, MIXPANEL_SERVICE_ACCOUNT_SECRET: undefined, MIXLOAD_STREAMS: 'export' }
  const onTerminal = (typings: readonly Typing[], args: readonly string[] = []) =>
    onPseudoTerminal(
      ['init', ...args],
      { directory: place.directory, environment: place.environment(NO_SECRET) },
      typings,
    )
  const ACCOUNT_TYPED: readonly Typing[] = [
    ['User name of the service account', `${ACCOUNT.user}\r`],
    ['Its secret', `${ACCOUNT.secret}\r`],
  ]

  it('asks for everything, and loads', async () => {
    const { code, screen } = await onTerminal([
      ['User name of the service account', `${ACCOUNT.user}\r`],
      ['Its secret', 'wrong\r'],
      ['User name of the service account', '\r'],
      ['Its secret', `${ACCOUNT.secret}\r`],
      ['Where to load', 'duckdb:/dev/null/x.duckdb\r'],
      ['Try the same destination again', 'n'],
      ['Where to load', `duckdb:${place.database}\r`],
      ['How much history', '\r'],
      ['Load it now?', 'y'],
    ])
    expect(screen).toContain('does not accept the service account')
    expect(screen).toContain(`It sees: Shop (${PROJECT})`)
    expect(screen).toContain(`30 days, from ${MONTH_AGO}: 5 events, `)
    expect(screen).not.toContain(ACCOUNT.secret)
    expect(screen).toContain(`mixload backfill --config mixload.yaml --from ${MONTH_AGO}`)
    expect(code).toBe(0)
    expect(read('mixload.yaml')).toContain(`destination: duckdb:${place.database}\n`)
    expect(await place.query('SELECT count(*)::INT n FROM export')).toEqual([{ n: 5 }])
  }, 30_000)

  it.each([
    ['at the first question', []],
    ['at the last question before the files', [...ACCOUNT_TYPED, ['Where to load', '\r'], ['How much', '']]],
  ])(
    '^C %s writes nothing',
    async (_, typings) => {
      const before = typings.slice(0, -1) as Typing[]
      const last = (typings.at(-1)?.[0] ?? 'User name') as string
      const { code, screen } = await onTerminal([...before, [last, '\u0003']])
      expect(screen).toContain('Stopped.')
      expect(code).toBe(130)
      expect(settingFiles()).toEqual([])
    },
    30_000,
  )

  it('asks before it replaces a file', async () => {
    writeFileSync(path('mixload.yaml'), 'region: eu\n')
    const { code } = await onTerminal([['Replace it?', '\r']])
    expect(code).toBe(2)
    expect(read('mixload.yaml')).toBe('region: eu\n')
    expect(existsSync(path('.env'))).toBe(false)
  }, 30_000)
})
