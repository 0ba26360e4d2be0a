import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MixloadError } from '../lib/core/errors.ts'
import {
  defaultOf,
  flagOf,
  type RawSettings,
  resolveSettings,
  SETTINGS,
  type SettingName,
  STREAMS,
  settingsFromEnvironment,
  variableOf,
} from '../lib/settings.ts'

const NAMES = Object.keys(SETTINGS) as SettingName[]
const SECRETS: readonly SettingName[] = ['serviceAccountSecret', 'apiSecret']

const fromFlags = (flags: RawSettings) => resolveSettings(flags, {}, {})
const fromFile = (file: RawSettings) => resolveSettings({}, {}, file)

/** The messages about wrong settings, one per line. */
function problems(flags: RawSettings, environment: RawSettings = {}, file: RawSettings = {}): readonly string[] {
  try {
    resolveSettings(flags, environment, file)
    return []
  } catch (error) {
    if (!(error instanceof MixloadError)) throw error
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.exitCode).toBe(2)
    return error.message.split('\n')
  }
}

describe('where a setting comes from', () => {
  it('flags come before the environment, the environment before the file, the file before the default', () => {
    const source = fc.option(fc.integer({ min: 1, max: 500 }), { nil: undefined })
    fc.assert(
      fc.property(source, source, source, (flag, variable, file) => {
        const settings = resolveSettings(
          { sliceDays: flag?.toString(), requestsPerHour: flag },
          { sliceDays: variable?.toString(), requestsPerHour: variable },
          { sliceDays: file, requestsPerHour: file },
        )
        expect(settings.sliceDays).toBe(flag ?? variable ?? file)
        expect(settings.requestsPerHour).toBe(flag ?? variable ?? file ?? 60)
      }),
    )
  })

  it('without any, every setting has its default or none', () => {
    expect(fromFlags({})).toMatchObject({
      destination: 'duckdb:warehouse.duckdb',
      schema: 'mixpanel',
      streams: [...STREAMS],
      region: 'us',
      legacyTime: false,
      attributionWindow: 5,
      newProperties: 'capture',
      maxColumns: 1000,
      columns: {},
      write: 'append',
      requestsPerHour: 60,
      requestsPerSecond: 3,
    })
    expect(fromFlags({}).projectId).toBeUndefined()
    expect(fromFlags({}).events).toBeUndefined()
  })

  it('each default that help shows as a constant is the default', () => {
    const settings = fromFlags({})
    for (const name of ['destination', 'schema', 'region', 'write', 'maxColumns', 'idleTimeout'] as const) {
      expect(String(settings[name]), name).toBe(defaultOf(name))
    }
  })

  it('variables that are empty or not settings are ignored', () => {
    const raw = settingsFromEnvironment({ MIXPANEL_REGION: '', MIXPANEL_PROJECT_ID: '12', HOME: '/root', region: 'eu' })
    expect(raw).toEqual({ projectId: '12' })
  })

  it('each setting has a flag of its own, and each variable serves one setting', () => {
    expect(flagOf('sliceDays')).toBe('--slice-days')
    expect(flagOf('from')).toBe('--from')
    expect(new Set(NAMES.map(flagOf)).size).toBe(NAMES.length)
    const variables = NAMES.flatMap((name) => variableOf(name) ?? [])
    expect(new Set(variables).size).toBe(variables.length)
    for (const variable of variables) expect(variable).toMatch(/^(?:MIXPANEL|MIXLOAD)_[A-Z_]+$/)
  })

  it('no secret can be given on the command line', () => {
    for (const name of SECRETS) expect(SETTINGS[name]).toMatchObject({ flag: false })
  })
})

describe('values', () => {
  it.each([
    ['a,b', ['a', 'b']],
    [' a , b ,, ', ['a', 'b']],
    ['Signed Up,$identify', ['Signed Up', '$identify']],
    [
      ['a, b', ' c '],
      ['a, b', 'c'],
    ],
  ])('events %j are %j', (given, events) => {
    expect(fromFile({ events: given }).events).toEqual(events)
  })

  it.each(['', ' , ', []])('events %j are empty, which is wrong', (events) => {
    expect(problems({}, {}, { events })).toEqual([expect.stringMatching(/^mixload\.yaml: events: /)])
  })

  it.each([
    [true, true],
    ['true', true],
    ['1', true],
    ['yes', true],
    [false, false],
    ['false', false],
    ['0', false],
    ['no', false],
  ])('legacyTime %j is %j', (given, value) => {
    expect(fromFlags({ legacyTime: given }).legacyTime).toBe(value)
  })

  it.each([
    ['3', 3],
    [' 3 ', 3],
    [3, 3],
  ])('sliceDays %j is %j', (given, value) => {
    expect(fromFlags({ sliceDays: given }).sliceDays).toBe(value)
  })

  it.each([
    ['2026-03-05', '2026-03-05'],
    ['2026-03', '2026-03-01'],
    ['2026', '2026-01-01'],
    [2026, '2026-01-01'],
    ['30d', { daysAgo: 30 }],
  ])('from %j is %j', (given, value) => {
    expect(fromFile({ from: given }).from).toEqual(value)
  })

  it('a month as the last day is its last day', () => {
    expect(fromFlags({ to: '2024-02' }).to).toEqual({ until: '2024-02-29' })
  })

  it('a project id may be written as a number or as a text', () => {
    expect([fromFile({ projectId: 123 }).projectId, fromFile({ projectId: '123' }).projectId]).toEqual(['123', '123'])
  })
})

describe('a value that is wrong', () => {
  it.each<[SettingName, unknown, readonly string[]]>([
    ['region', 'uk', ['uk', 'us', 'eu', 'in']],
    ['write', 'upsert', ['upsert', 'append', 'replace']],
    ['newProperties', 'drop', ['drop', 'capture', 'ignore']],
    ['streams', 'export,people', ['people', 'export']],
    ['from', '2026-02-30', ['2026-02-30', '2026-08-31']],
    ['to', 'yesterday', ['yesterday', '2026-08-31', '2026-08', '30d']],
    ['from', 20_260_301, ['20260301', '2026-08-31']],
    ['timezone', 'Berlin', ['Berlin', 'Europe/Berlin']],
    ['sliceDays', '0', ['0', '1']],
    ['sliceDays', '2.5', ['2.5']],
    ['sliceDays', 'many', ['many']],
    ['requestsPerHour', '-1', ['-1', '0']],
    ['maxColumns', '5', ['5', '20']],
    ['projectId', 'abc', ['abc', 'number']],
    ['projectId', 2 ** 53, ['quotes']],
    ['projectId', true, ['must be a number']],
    ['groups', { company: -(2 ** 62) }, ['quotes']],
    ['apiUrl', 'ftp://x.test', ['ftp://x.test', 'http://', 'https://']],
    ['memoryLimit', 'lots', ['lots', '400MB']],
    ['legacyTime', 'maybe', ['maybe', 'true', 'false']],
    ['schema', '', ['schema']],
    ['maxRemoved', '101%', ['101%', 'at most 100%', '50%']],
    ['maxRemoved', '100.5%', ['at most 100%']],
    ['maxRemoved', '1e9', ['such as 100']],
    ['maxRemoved', '99999999999999999999', ['such as 100']],
    ['maxRemoved', 0.5, ['0.5', 'such as 50%']],
    ['maxRemoved', ['50'], ['such as 50%']],
    ['maxRemoved', true, ['such as 50%']],
    ['maxRejects', '200%', ['200%', 'at most 100%']],
  ])('%s = %j is named with its value and with what is allowed', (name, value, parts) => {
    const [problem = '', ...more] = problems({ [name]: value })
    expect(more).toEqual([])
    expect(problem.startsWith(`${flagOf(name)}: `)).toBe(true)
    for (const part of parts) expect(problem).toContain(part)
    expect(problem).toContain(SETTINGS[name].describe)
  })

  it('is named by the source that it came from', () => {
    expect(problems({ region: 'x' })[0]).toMatch(/^--region: /)
    expect(problems({}, { region: 'x' })[0]).toMatch(/^MIXPANEL_REGION: /)
    expect(problems({}, {}, { region: 'x' })[0]).toMatch(/^mixload\.yaml: region: /)
  })

  it('does no harm if a stronger source has a right one', () => {
    expect(problems({ region: 'eu' }, { region: 'x' }, { region: 'y' })).toEqual([])
  })

  it('of a column is named with its type and the known types', () => {
    const [problem = ''] = problems({}, {}, { columns: { age: 'number' } })
    for (const part of ['columns', 'text', 'double', 'timestamptz']) expect(problem).toContain(part)
    expect(fromFile({ columns: { age: 'bigint' } }).columns).toEqual({ age: 'bigint' })
  })

  it('is reported together with all others', () => {
    const wrong = { region: 'x', sliceDays: 'y', from: 'z' }
    const all = problems(wrong, { write: 'w' }, { colour: 'red', projectId: 'v' })
    expect(all).toHaveLength(6)
    for (const part of ['--region', '--slice-days', '--from', 'MIXLOAD_WRITE', 'colour', 'mixload.yaml: projectId']) {
      expect(all.filter((line) => line.includes(part) && line.indexOf(part) < 35).length, part).toBe(1)
    }
  })

  it('of a secret is never repeated', () => {
    const hidden = fc.oneof(
      fc.integer({ min: 100_000_000 }),
      fc.constant(['swordfish-1']),
      fc.constant({ secret: 'swordfish-2' }),
      fc.constant({ 'swordfish-3': 1 }),
    )
    fc.assert(
      fc.property(hidden, fc.constantFrom(...SECRETS), (value, name) => {
        const text = problems({}, {}, { [name]: value }).join()
        expect(text).toContain(name)
        expect(text).not.toMatch(/swordfish/)
        if (typeof value === 'number') expect(text).not.toContain(String(value))
      }),
    )
  })

  it('of a secret that is right is not in the messages about others', () => {
    const secrets = { serviceAccountSecret: 'swordfish-4', apiSecret: 'swordfish-5' }
    expect(problems({ region: 'x' }, secrets, { colour: 'red' }).join()).not.toContain('swordfish')
  })
})

describe('a key in the file that is not a setting', () => {
  it.each(['colour', 'project_id', 'slice-days', 'Region', 'constructor', 'toString', 'hasOwnProperty'])(
    '%s is named, with the one that was meant, or the known keys',
    (key) => {
      const [problem = ''] = problems({}, {}, { [key]: 1 })
      const meant: Record<string, string> = { project_id: 'projectId', 'slice-days': 'sliceDays', Region: 'region' }
      expect(problem).toContain(`mixload.yaml: unknown setting ${key}.`)
      const isMeant = Object.hasOwn(meant, key)
      expect(problem).toMatch(isMeant ? new RegExp(` Did you mean ${meant[key]}\\?$`) : / Known settings: .*sliceDays/)
    },
  )
})
