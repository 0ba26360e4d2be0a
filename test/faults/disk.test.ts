import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packagePath } from '../../lib/package-root.ts'
import { ACCOUNT, ended, eventsOf, type Ran, Workplace } from '../cmd/run-mixload.ts'

const DAYS = ['2026-03-01', '2026-03-02', '2026-03-03'] as const
const PER_DAY = 2000
const LOAD = ['backfill', '--streams', 'export', '--timezone', 'UTC', '--from', DAYS[0], '--to', DAYS[2]]

async function workplaceWithEvents(): Promise<Workplace> {
  const place = await Workplace.create()
  for (const day of DAYS) await place.simulator.ingest(eventsOf(day, PER_DAY, { note: 'x'.repeat(1000) }))
  return place
}

/**
 * Runs twice with `disk/` in the workplace being a disk of its own: first a small one that gets full, then a large one
 * with the same files. What is on it in the end is copied to `copy/`. Needs the user namespaces of Linux.
 */
async function onSmallDisk(place: Workplace, size: string, more: Readonly<Record<string, string>>): Promise<Ran> {
  const disk = join(place.directory, 'disk')
  mkdirSync(disk)
  const script = `
    mount -t tmpfs -o size=${size} tmpfs disk
    "$@"
    echo "first: $?"
    mount -o remount,size=500m disk
    "$@"
    echo "second: $?"
    cp -r disk copy`
  const command = [process.execPath, packagePath('dist', 'cmd', 'mixload.js'), ...LOAD]
  const args = ['--map-root-user', '--mount', 'sh', '-c', script, 'sh', ...command]
  const stdio = ['ignore', 'pipe', 'pipe'] as const
  return ended(spawn('unshare', args, { cwd: place.directory, env: place.environment(more), stdio: [...stdio] }))
}

/** Every event once, and nothing left in the spool. */
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

describe('a full disk', () => {
  it('under the spool ends the run with exit code 1, and the next one goes on', async () => {
    await using place = await workplaceWithEvents()
    const ran = await onSmallDisk(place, '1m', { MIXLOAD_SPOOL_DIR: join(place.directory, 'disk', 'spool') })
    expect(ran.stdout).toMatch(/first: 1.*second: 0/s)
    expect(ran.stderr).toMatch(/SPOOL_FAILED.*ENOSPC.*--spool-dir/)
    await expectAll(place)
  })

  it('under the database ends the run with exit code 1 and no half of a day, and the next one goes on', async () => {
    await using place = await workplaceWithEvents()
    const name = place.database.slice(place.directory.length + 1)
    const ran = await onSmallDisk(place, '3m', { MIXLOAD_DESTINATION: `duckdb:${join(place.directory, 'disk', name)}` })
    expect(ran.stdout).toMatch(/What was committed before stays: 2000 rows.*first: 1.*second: 0/s)
    expect(ran.stderr).toMatch(/DESTINATION_FAILED.*No space left/)
    renameSync(join(place.directory, 'copy', name), place.database)
    await expectAll(place)
  })
})

describe('what cannot be written', () => {
  it.each(['MIXLOAD_SPOOL_DIR', 'MIXLOAD_STATE_DIR'])(
    '%s: exit code 1 and a message that says so',
    async (variable) => {
      await using place = await workplaceWithEvents()
      // Nobody, not even root, makes a directory below a file.
      writeFileSync(join(place.directory, 'file'), '')
      const ran = await place.run([...LOAD, '--requests-per-hour', '1000'], {
        [variable]: join(place.directory, 'file', 'below'),
      })
      expect(ran).toMatchObject({ code: 1, stderr: expect.stringMatching(/SPOOL_FAILED.*ENOTDIR.*below/) })
      await expectToGoOn(place)
    },
  )

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

  it('a settings file with a secret that others may read is warned of, and the secret is not shown', async () => {
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
  })
})

function mode(path: string): string {
  return ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o777).toString(8)
}

/** All there is below a directory, or nothing where some of it went away meanwhile. */
function namesUnder(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' })
  } catch {
    return []
  }
}
