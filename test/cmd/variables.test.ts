import { existsSync } from 'node:fs'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { insertVariables } from '../../cmd/variables.ts'
import { ACCOUNT, eventsOf, PROJECT, Workplace } from './run-mixload.ts'

/** `${content}`, which would be a placeholder in a template. */
const variable = (content: string) => `$\{${content}}`
const SET: Readonly<Record<string, string>> = { NAME: 'ann', EMPTY: '', MONEY: `$&${variable('NAME')}` }
const lookUp = (name: string) => SET[name]
const SECRET = 'a-secret-that-nobody-may-see'

describe('a text with variables', () => {
  it.each([
    ['plain $NAME {x} $', 'plain $NAME {x} $'],
    [variable('NAME'), 'ann'],
    [`a${variable('NAME')}b${variable('NAME')}`, 'aannbann'],
    [variable('NONE:-x:-y'), 'x:-y'],
    [variable('EMPTY:-x'), 'x'],
    [variable('NONE:-'), ''],
    [variable('NAME:-x'), 'ann'],
    [`$${variable('NAME')}`, variable('NAME')],
    // Values are not looked at again.
    [variable('MONEY'), SET.MONEY],
  ])('%s is %s', (text, expected) => {
    expect(insertVariables(text, lookUp)).toEqual({ text: expected })
  })

  it.each([
    [variable('NONE'), 'the variable NONE, which is not set'],
    [variable('EMPTY'), 'the variable EMPTY, which is not set'],
    [variable(''), 'without a variable'],
    [variable('1A'), 'without a variable'],
    [variable('NAME-x'), 'without a variable'],
    ['a ${NAME', 'without a variable'],
  ])('%s is wrong', (text, problem) => {
    expect(insertVariables(text, lookUp)).toEqual({ problem: expect.stringContaining(problem) })
  })

  it('without an opening stays as it is, and a value goes in as it is', () => {
    const text = fc.string().filter((text) => !text.includes('${') && !text.endsWith('$'))
    fc.assert(
      fc.property(text, fc.string({ minLength: 1 }), (text, value) => {
        expect(insertVariables(text, lookUp)).toEqual({ text })
        const inserted = insertVariables(`${text}${variable('X')}${text}`, () => value)
        expect(inserted).toEqual({ text: text + value + text })
      }),
    )
  })
})

let place: Workplace
beforeAll(async () => {
  place = await Workplace.create()
  await place.simulator.ingest(eventsOf('2026-08-03', 3))
})
afterEach(async () => {
  for (const name of ['mixload.yaml', '.env', 'conf']) {
    await rm(join(place.directory, name), { recursive: true, force: true })
  }
})
afterAll(() => place[Symbol.asyncDispose]())

/** Nothing that decides the project comes from the environment. */
const BARE = {
  MIXPANEL_API_URL: undefined,
  MIXPANEL_PROJECT_ID: undefined,
  MIXPANEL_SERVICE_ACCOUNT: undefined,
  MIXPANEL_SERVICE_ACCOUNT_SECRET: undefined,
  MIXLOAD_DESTINATION: undefined,
}
const write = (name: string, text: string, mode = 0o600) => writeFile(join(place.directory, name), text, { mode })
const LOAD = ['backfill', '--from', '2026-08-03', '--to', '2026-08-03']

describe('a settings file with .env beside it', () => {
  it('loads: variables and settings come from .env, which is named, and its values are not shown', async () => {
    await write(
      'mixload.yaml',
      `# ${variable('NOT_LOOKED_AT')}\napiUrl: ${variable('URL')}\nprojectId: "${variable('PROJECT')}"\ndestination: duckdb:${variable('FILE:-here')}.duckdb\ntimezone: UTC\n`,
    )
    await write(
      '.env',
      `URL=${place.simulator.url}\nPROJECT='${PROJECT}'\nMIXPANEL_SERVICE_ACCOUNT=${ACCOUNT.user}\nexport MIXPANEL_SERVICE_ACCOUNT_SECRET="${ACCOUNT.secret}" # hush\n`,
    )
    const ran = await place.run(LOAD, BARE)
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
    expect(ran.stderr).toContain(`Settings are read from ${join(place.directory, '.env')}.`)
    expect(ran.stderr).not.toContain('others may read')
    expect(ran.stderr + ran.stdout).not.toContain(ACCOUNT.secret)
    expect(ran.stdout).toMatch(/export .* 3 /)
    expect(existsSync(join(place.directory, 'here.duckdb'))).toBe(true)
  })

  it('.env does not override the environment, and precedes the file', async () => {
    await write('mixload.yaml', 'schema: ofFile\nregion: nowhere\n')
    await write('.env', 'MIXLOAD_SCHEMA=of_env_file\nMIXPANEL_REGION=eu\nMIXLOAD_SLICE_DAYS=wrong\n')
    const ran = await place.run(['plan', '--from', '1d'], { MIXLOAD_SLICE_DAYS: '1' })
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
    const wrong = await place.run(['plan', '--from', '1d'])
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('MIXLOAD_SLICE_DAYS') })
  })

  it('warns if others may read .env, and does not show it', async () => {
    await write('mixload.yaml', 'timezone: UTC\n')
    await write('.env', `SOMETHING=${SECRET}\n=${SECRET}\n${SECRET}`, 0o644)
    await chmod(join(place.directory, '.env'), 0o644)
    const { code, stderr } = await place.run(['status'])
    expect([code, stderr]).toEqual([0, expect.stringContaining(`chmod 600 ${join(place.directory, '.env')}`)])
    expect(stderr).not.toContain(SECRET)
  })

  it('a variable that is not set is named with its line, and so is ${ without one', async () => {
    await write('mixload.yaml', `timezone: UTC\nstreams:\n  - export\n  - ${variable('WHICH')}\n`)
    const { code, stderr } = await place.run(['status'])
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('mixload.yaml: line 4 uses the variable WHICH, which is not set'),
    ])
    await write('mixload.yaml', `timezone: UTC\nschema: "${variable('')}"\n`)
    expect((await place.run(['status'])).stderr).toContain('mixload.yaml: line 2 has ${ without a variable')
  })

  it('no value of a variable is shown where it is wrong', async () => {
    await write('mixload.yaml', `region: ${variable('MINE')}\nsliceDays: ${variable('MINE')}\n`)
    await write('.env', `MINE=${SECRET}\n`)
    const { code, stderr } = await place.run(['status'])
    expect([code, stderr]).toEqual([2, expect.stringContaining('mixload.yaml: region: the given value is not valid')])
    expect(stderr).toContain('sliceDays')
    expect(stderr).not.toContain(SECRET)
  })
})

describe('a file that is only found', () => {
  it('may not use the environment, and may if it is named', async () => {
    await write('mixload.yaml', `schema: ${variable('MINE')}\n`)
    const found = await place.run(['status'], { MINE: SECRET })
    expect(found.code).toBe(2)
    expect(found.stderr).toContain('it may not use MINE of the environment')
    expect(found.stderr).not.toContain(SECRET)
    expect(await place.run(['status', '--config', 'mixload.yaml'], { MINE: 'mine' })).toMatchObject({ code: 0 })
  })

  it('may not say in .env what it may not say itself', async () => {
    await write('mixload.yaml', 'timezone: UTC\n')
    await write('.env', 'MIXPANEL_API_URL=https://elsewhere.example/\n')
    const ran = await place.run(['status'], BARE)
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('.env was found in the working directory, so it may not set apiUrl to another machine')
  })

  it('.env alone is not read', async () => {
    await write('.env', 'MIXLOAD_SLICE_DAYS=wrong\n')
    const ran = await place.run(['status'])
    expect(ran).toMatchObject({ code: 0, stderr: '' })
  })
})

it('.env beside a file that is named counts, and drivers have its variables', async () => {
  await mkdir(join(place.directory, 'conf'))
  await write('conf/mixload.yaml', 'destination: postgres://nobody@127.0.0.1/d\n')
  await write('conf/.env', 'PGPORT=1\n')
  const named = await place.run(['status', '--config', 'conf/mixload.yaml'], BARE)
  expect(named.stderr).toContain(join(place.directory, 'conf', '.env'))
  expect(named.stderr).toContain('127.0.0.1:1')
})
