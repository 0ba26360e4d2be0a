import { chmodSync, existsSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ACCOUNT, ended, eventsOf, Workplace } from '../cmd/run-mixload.ts'
import { runTwice, WANTS } from './small-disk.ts'

const DAYS = ['2026-03-01', '2026-03-02', '2026-03-03'] as const
const PER_DAY = 2000
const LOAD = ['backfill', '--streams', 'export', '--timezone', 'UTC', '--from', DAYS[0], '--to', DAYS[2]]

async function workplaceWithEvents(): Promise<Workplace> {
  const place = await Workplace.create()
  for (const day of DAYS) await place.simulator.ingest(eventsOf(day, PER_DAY, { note: 'x'.repeat(1000) }))
  return place
}

/** Every event once. */
async function expectAll(place: Workplace): Promise<void> {
  expect(await place.query('SELECT count(*) AS n, count(DISTINCT mp_insert_id) AS d FROM export')).toEqual([
    { n: BigInt(3 * PER_DAY), d: BigInt(3 * PER_DAY) },
  ])
  expect(await place.query('SELECT row_count AS n FROM _mixload_loads')).toEqual(
    DAYS.map(() => ({ n: BigInt(PER_DAY) })),
  )
}

async function expectToGoOn(place: Workplace): Promise<void> {
  expect(await place.run(LOAD)).toMatchObject({ code: 0 })
  await expectAll(place)
  expect(readdirSync(join(place.directory, 'spool'))).toEqual([])
}

/** The message of the system, or of others in its place, when there is no room. */
const NO_ROOM = /(?:ENOSPC|EFBIG|No space left|File too large)/i

describe.each(Object.keys(WANTS) as (keyof typeof WANTS)[])('when the %s', (want) => {
  it('in the spool, the run ends with exit code 1, and the next one continues', async () => {
    await using place = await workplaceWithEvents()
    const disk = { MIXLOAD_SPOOL_DIR: join(place.directory, 'disk', 'spool') }
    const ran = await runTwice(place, want, { disk: 1024, file: 1024 }, LOAD, disk)
    expect(ran.stdout, ran.stderr).toMatch(/first: 1.*second: 0/s)
    expect(ran.stderr).toMatch(new RegExp(`SPOOL_FAILED.*${NO_ROOM.source}.*--spool-dir`, 'i'))
    await expectAll(place)
  })

  it('in DuckDB, the run ends with exit code 1 and no part of a day, and the next one continues', async () => {
    await using place = await workplaceWithEvents()
    const name = place.database.slice(place.directory.length + 1)
    const disk = { MIXLOAD_DESTINATION: `duckdb:${join(place.directory, 'disk', name)}` }
    const ran = await runTwice(place, want, { disk: 3072, file: 3072 }, LOAD, disk)
    expect(ran.stdout, ran.stderr).toMatch(/What was committed before stays: 2000 rows.*first: 1.*second: 0/s)
    expect(ran.stderr).toMatch(new RegExp(`DESTINATION_FAILED.*${NO_ROOM.source}`, 'i'))
    renameSync(join(place.directory, 'copy', name), place.database)
    await expectAll(place)
  })

  it('among Parquet files, the run ends with exit code 1 and no part of a day, and the next one continues', async () => {
    await using place = await Workplace.create()
    // Of a day with many columns, what is loaded is longer than what was spooled.
    const wide = Object.fromEntries(Array.from({ length: 900 }, (_, at) => [`property ${at}`, at]))
    for (const [at, day] of DAYS.entries()) await place.simulator.ingest(eventsOf(day, 1, at === 1 ? wide : {}))
    const disk = { MIXLOAD_DESTINATION: `parquet:${join(place.directory, 'disk', 'parquet')}` }
    const ran = await runTwice(place, want, { disk: 560, file: 150 }, LOAD, disk)
    expect(ran.stdout, ran.stderr).toMatch(/What was committed before stays: 1 row.*first: 1.*second: 0/s)
    expect(ran.stderr).toMatch(new RegExp(`DESTINATION_FAILED.*${NO_ROOM.source}`, 'i'))
    const files = `read_parquet('${join(place.directory, 'copy', 'parquet', 'export', '*', '*.parquet')}')`
    await place.change(`CREATE SCHEMA mixpanel; CREATE VIEW mixpanel.export AS SELECT * FROM ${files}`)
    const rows = await place.query(
      'SELECT CAST(_day AS VARCHAR) AS day, count(*) AS n, count(DISTINCT mp_insert_id) AS d FROM export GROUP BY 1 ORDER BY 1',
    )
    expect(rows).toEqual(DAYS.map((day) => ({ day, n: 1n, d: 1n })))
  })
})

describe('what cannot be written', () => {
  it.each([
    ['MIXLOAD_SPOOL_DIR', 'below a file'],
    ['MIXLOAD_SPOOL_DIR', 'in /proc'],
    ['MIXLOAD_STATE_DIR', 'below a file'],
    ['MIXLOAD_STATE_DIR', 'in /proc'],
  ])('%s %s: exit code 1 and a message that says so', async (variable, where) => {
    await using place = await workplaceWithEvents()
    // Nobody, not even root, makes a directory in either.
    writeFileSync(join(place.directory, 'file'), '')
    const path = where === 'in /proc' ? '/proc/self/no/such' : join(place.directory, 'file', 'below')
    const ran = await place.run([...LOAD, '--requests-per-hour', '1000'], { [variable]: path })
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringMatching(`SPOOL_FAILED.*${path}.*: E[A-Z]+: `) })
    await expectToGoOn(place)
  })

  it('a database in a directory that cannot be written to: exit code 1, and the message names it', async () => {
    await using place = await workplaceWithEvents()
    writeFileSync(join(place.directory, 'file'), '')
    const path = join(place.directory, 'file', 'below.duckdb')
    const ran = await place.run([...LOAD, '--destination', `duckdb:${path}`])
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining(path) })
    expect(place.simulator.requests).toEqual([])
    await expectToGoOn(place)
  })
})

describe('who may read what', () => {
  it('the spool is for its user alone, files and directories', async () => {
    await using place = await workplaceWithEvents()
    place.simulator.fault({ kind: 'cut', atByte: 20_000, times: 3, match: { fromDate: DAYS[1] } })
    const child = place.start(LOAD)
    const end = ended(child)
    const spool = join(place.directory, 'spool')
    const modes = new Set<string>()
    while (child.exitCode === null) {
      if (existsSync(spool)) {
        modes.add(`spool ${mode(spool)}`)
        for (const name of namesUnder(spool)) {
          const path = join(spool, name)
          const stat = statSync(path, { throwIfNoEntry: false })
          // Files of the engine's own are shut in by the directory.
          if (stat !== undefined && !name.includes('/engine'))
            modes.add(`${stat.isDirectory() ? 'directory' : 'file'} ${(stat.mode & 0o777).toString(8)}`)
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    expect((await end).code).toBe(0)
    expect([...modes].toSorted()).toEqual(['directory 700', 'file 600', 'spool 700'])
  })

  it('a settings file with a secret that others may read causes a warning, and the secret is not shown', async () => {
    await using place = await workplaceWithEvents()
    const file = join(place.directory, 'mixload.yaml')
    writeFileSync(file, `serviceAccount: ${ACCOUNT.user}\nserviceAccountSecret: ${ACCOUNT.secret}\n`)
    const without = { MIXPANEL_SERVICE_ACCOUNT: undefined, MIXPANEL_SERVICE_ACCOUNT_SECRET: undefined }
    for (const [bits, isWarned] of [
      [0o644, true],
      [0o640, true],
      [0o604, true],
      [0o600, false],
    ] as const) {
      chmodSync(file, bits)
      const ran = await place.run(LOAD, without)
      expect(ran.code, ran.stderr).toBe(0)
      expect(ran.stderr.includes('chmod 600')).toBe(isWarned)
      expect(ran.stderr + ran.stdout).not.toContain(ACCOUNT.secret)
    }
    writeFileSync(file, `destination: postgres://user:${ACCOUNT.secret}@host/database\n`)
    chmodSync(file, 0o644)
    const ran = await place.run(LOAD)
    expect(ran.stderr).toContain('chmod 600')
    expect(ran.stderr + ran.stdout).not.toContain(ACCOUNT.secret)
  })
})

function mode(path: string): string {
  return ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o777).toString(8)
}

/** Everything below a directory, or nothing if some of it was removed meanwhile. */
function namesUnder(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' })
  } catch {
    return []
  }
}
