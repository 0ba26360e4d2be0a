import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { packagePath } from '../../lib/core/package-root.ts'

function mixload(args: readonly string[], nodeOptions: readonly string[] = []) {
  const file = packagePath('dist', 'cmd', 'mixload.js')
  return spawnSync(process.execPath, [...nodeOptions, file, ...args], { encoding: 'utf8' })
}

it.each([
  [['bakcfill'], 'mixload: there is no command bakcfill. Did you mean backfill? See mixload --help.'],
  [['help', 'nonsense'], 'mixload: there is no command nonsense. See mixload --help.'],
  [['backfill', '--form', '2024-01-01'], 'mixload backfill: there is no flag --form. Did you mean --from? See mixload'],
  [
    ['sync', '--attributionwindow=3'],
    'mixload sync: there is no flag --attributionwindow. Did you mean --attribution-',
  ],
  [['sync', '-x'], 'mixload sync: there is no flag -x. See mixload sync --help.'],
  [['sync', 'foo'], 'mixload sync: foo is not expected here. See mixload sync --help.'],
  [['track'], 'mixload track: Name the event. See mixload track --help.'],
  [
    ['import', '--formt', 'csv', 'a'],
    'mixload import: there is no flag --formt. Did you mean --format? See mixload import',
  ],
  [['status', '--schema'], 'mixload status: --schema needs a value. See mixload status --help.'],
  [['views', '--shape', 'x'], 'mixload views: --shape "x" is not valid: it must be one of "fivetran". See mixload'],
])('%j is refused in one line, and nothing is run', (args, message) => {
  const { status, stdout, stderr } = mixload(args)
  expect([status, stdout, stderr.match(/\n/g)?.length]).toEqual([2, '', 1])
  expect(stderr).toContain(message)
})

it.each([
  [['help'], ['--help']],
  [['-h'], ['--help']],
  [
    ['help', 'sync'],
    ['sync', '--help'],
  ],
  [
    ['sync', '-h'],
    ['sync', '--help'],
  ],
])('%j is %j', (args, same) => {
  const help = mixload(args)
  expect(help).toMatchObject({ status: 0, stderr: '' })
  expect(help.stdout).toBe(mixload(same).stdout)
  expect(help.stdout).toContain('-h, --help')
})

it('without a command, the help lists them', () => {
  expect(mixload([])).toMatchObject({ status: 2, stderr: expect.stringMatching(/backfill[\s\S]*Name a command/) })
})

it('an old Node is refused with the version that is needed', () => {
  // Node 20 lacks this function, which is an export of zlib.
  const asOldNode = `data:text/javascript,import zlib from 'node:zlib'; delete zlib.createZstdDecompress`
  expect(mixload(['--version'], ['--import', asOldNode])).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(/^mixload needs Node 22\.15 or later\. This is Node \d+\.\d+\.\d+\.\n$/),
  })
})

it('a value that is not one of the allowed ones is refused with their names', () => {
  expect(mixload(['status', '--streams', 'expotr'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('\\"expotr\\" is not valid: must be one of export, cohorts, annotations, funnels,'),
  })
})
