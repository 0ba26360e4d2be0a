import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DRY_RUN, SYNC_SETTINGS } from '../cmd/load-settings.ts'
import { packagePath } from '../lib/core/package-root.ts'
import {
  flagOf,
  resolveSettings,
  SETTINGS,
  type SettingName,
  settingsFromEnvironment,
  variableOf,
} from '../lib/settings.ts'

const PAGE = readFileSync(join(packagePath(), 'docs', 'from-stitch.md'), 'utf8')
const TABLE = PAGE.slice(PAGE.indexOf('| In Stitch '), PAGE.indexOf('What to look at'))
/** The cells of each setting's row. */
const ROWS = TABLE.trim()
  .split('\n')
  .slice(2)
  .map((line) => line.split('|').map((cell) => cell.trim()))
const codes = (text: string | undefined) => [...(text ?? '').matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)

describe('the settings of Stitch and of its tap', () => {
  it('are all in the table', () => {
    expect(ROWS.map(([, stitch]) => stitch).filter((name) => name !== '')).toEqual([
      'Start Date',
      'API Secret',
      'Attribution Window (days)',
      'Project Timezone',
      'Export Events',
      'Select Properties By Default',
      'EU Residency',
      'Tables to replicate',
    ])
    const ofTap = ROWS.flatMap(([, , tap]) => codes(tap))
    for (const name of ['date_window_size', 'user_agent', 'eu_residency', 'eu_residency_server', 'end_date']) {
      expect(ofTap).toContain(name)
    }
  })

  it.each(ROWS.map((row) => [row[1] || row[2], row] as const))(
    '%s: flags, variables and keys are those that there are',
    (_, row) => {
      const [, , , flags, variables, keys] = row
      const names = codes(keys)
      for (const name of names) expect(Object.keys(SETTINGS)).toContain(name)
      const known = names as SettingName[]
      expect(codes(variables).sort()).toEqual(known.flatMap((name) => variableOf(name) ?? []).sort())
      const named = codes(flags).flatMap((code) => /^--[\w-]+/.exec(code)?.[0] ?? [])
      const hasFlag = (name: SettingName) => (SETTINGS[name] as { flag?: false }).flag !== false
      expect(named.sort()).toEqual(known.filter(hasFlag).map(flagOf).sort())
    },
  )

  it('are taken by sync', () => {
    const names = ROWS.flatMap(([, , , , , keys]) => codes(keys)) as SettingName[]
    const withFlag = names.filter((name) => (SETTINGS[name] as { flag?: false }).flag !== false)
    expect(withFlag.filter((name) => !SYNC_SETTINGS.some((setting) => setting === name))).toEqual([])
    expect(Object.keys(DRY_RUN)).toEqual(['dry-run'])
  })

  it('mean what they meant', () => {
    const settings = resolveSettings(
      {},
      settingsFromEnvironment({
        MIXPANEL_API_SECRET: 'secret',
        MIXLOAD_ATTRIBUTION_WINDOW: '5',
        MIXPANEL_TIMEZONE: 'US/Pacific',
        MIXLOAD_EVENTS: 'Page Viewed, Signed Up',
        MIXLOAD_NEW_PROPERTIES: 'ignore',
        MIXPANEL_REGION: 'eu',
        MIXLOAD_SLICE_DAYS: '30',
      }),
      {},
    )
    expect(settings).toMatchObject({
      apiSecret: 'secret',
      attributionWindow: 5,
      timezone: 'US/Pacific',
      events: ['Page Viewed', 'Signed Up'],
      newProperties: 'ignore',
      region: 'eu',
      sliceDays: 30,
    })
  })
})
