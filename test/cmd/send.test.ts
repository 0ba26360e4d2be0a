import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lines, requestExport } from '../simulator/requests.ts'
import { Workplace } from './run-mixload.ts'

const TOKEN = 'a-project-token'
let place: Workplace

beforeEach(async () => {
  place = await Workplace.create({ token: TOKEN })
})
afterEach(() => place[Symbol.asyncDispose]())

const run = (...args: string[]) => place.run(args, { MIXPANEL_TOKEN: TOKEN })
const stored = async () => {
  const today = new Date().toISOString().slice(0, 10)
  return lines((await requestExport(place.simulator, '2010-01-01', today)).text)
}

describe('mixload track', () => {
  it('sends an event with properties of all types', async () => {
    const properties = ['plan=pro', 'amount=9.90', 'zip=01234', 'gift=false', 'big=12345678901234567890', 'note=a=b']
    const flags = properties.flatMap((property) => ['--property', property])
    const ran = await run(
      'track',
      'Signed up',
      '--distinct-id',
      '13793',
      ...flags,
      '--property',
      'list=["x",{"y":null}]',
    )
    expect(ran).toMatchObject({ code: 0, stdout: 'Signed up: 1 accepted\n' })
    const [line = ''] = await stored()
    expect(JSON.parse(line)).toMatchObject({
      event: 'Signed up',
      properties: {
        distinct_id: '13793',
        plan: 'pro',
        amount: 9.9,
        zip: '01234',
        gift: false,
        note: 'a=b',
        list: ['x', { y: null }],
      },
    })
    expect(line).toContain('"big":12345678901234567890')
  })

  it('accepts an old time, an address and an id', async () => {
    const flags = ['--time', '2013-01-15T00:00:00Z', '--ip', '203.0.113.9', '--insert-id', 'mine', '--json']
    const ran = await run('track', 'Level Complete', ...flags)
    expect(JSON.parse(ran.stdout)).toEqual({ accepted: 1, rejected: 0, rejections: [] })
    const [line = ''] = await stored()
    expect(JSON.parse(line).properties).toMatchObject({ time: 1_358_208_000_000, $insert_id: 'mine' })
  })

  it.each([
    [['track'], 'Name the event'],
    [['track', 'a', 'b'], 'quotes'],
    [['track', 'a', '--property', 'x'], 'NAME=VALUE'],
    [['track', 'a', '--time', 'soon'], 'time '],
    [['track', 'a', '--ip', 'home'], 'ip '],
    [['track', 'a', '--colour', 'red'], 'colour'],
    [['engage', 'ann'], 'operation'],
    [['engage', 'ann', '$grow'], '$set_once'],
    [['engage', 'ann', '$add', '--property', 'a=b'], '$add.a'],
    [['alias', 'a'], 'two ids'],
  ])('%j is wrong usage', async (args, message) => {
    const ran = await run(...args)
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain(message)
    expect(place.simulator.requests).toEqual([])
  })

  it('names the variable for a missing token, and never prints a token', async () => {
    const ran = await place.run(['track', 'a'])
    expect(ran).toMatchObject({ code: 2 })
    expect(ran.stderr).toContain('MIXPANEL_TOKEN')
    place.simulator.fault({ kind: 'status', status: 400, body: `what is ${TOKEN}?` })
    const rejected = await run('track', 'a')
    expect(rejected.code).toBe(1)
    expect(rejected.stderr + rejected.stdout).not.toContain(TOKEN)
  })

  it('ends with 3 if Mixpanel rejects the event', async () => {
    place.simulator.fault({ kind: 'status', status: 200, body: '{"status":0,"error":"not today"}' })
    const ran = await run('track', 'a')
    expect(ran).toMatchObject({ code: 3, stdout: 'a: 0 accepted, 1 rejected\n' })
    expect(ran.stderr).toContain('not today')
  })

  it('with a spool sends what an earlier run could not', async () => {
    place.simulator.fault({ kind: 'status', status: 400, body: 'no', times: 1 })
    const spool = join(place.directory, 'kept')
    expect((await run('track', 'first', '--spool', spool)).code).toBe(1)
    expect(readdirSync(spool)).toHaveLength(1)
    expect(await run('track', 'second', '--spool', spool)).toMatchObject({ code: 0, stdout: 'second: 2 accepted\n' })
    expect((await stored()).map((line) => JSON.parse(line).event).sort()).toEqual(['first', 'second'])
    expect(readdirSync(spool)).toEqual([])
  })
})

describe('mixload engage and alias', () => {
  const profile = (id: string) => place.simulator.profiles.get(id)

  it('change profiles of persons and groups', async () => {
    expect((await run('engage', '13793', '$set', '--property', 'plan=pro', '--property', 'n=1')).code).toBe(0)
    expect((await run('engage', '13793', '$add', '--property', 'n=2', '--ignore-time')).code).toBe(0)
    expect((await run('engage', '13793', '$unset', '--property', 'plan')).code).toBe(0)
    expect(profile('13793')).toMatchObject({ n: 3 })
    expect(profile('13793')).not.toHaveProperty('plan')
    expect((await run('engage', 'acme', '$set', '--group', 'company', '--property', 'seats=3')).code).toBe(0)
    expect(place.simulator.groupProfiles('company').get('acme')).toEqual({ seats: 3 })
    const ran = await run('engage', '13793', '$delete')
    expect(ran).toMatchObject({ code: 0, stdout: '$delete of 13793: 1 accepted\n' })
    expect(profile('13793')).toBeUndefined()
  })

  it('add an id to a person', async () => {
    await run('track', 'a', '--distinct-id', 'ann@example.com')
    expect(await run('alias', 'ann@example.com', 'ann')).toMatchObject({ code: 0 })
    const events = (await stored()).map((line) => JSON.parse(line))
    expect(events.find(({ event }) => event === 'a').properties).toMatchObject({
      distinct_id: 'ann',
      $distinct_id_before_identity: 'ann@example.com',
    })
  })
})
