import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { packagePath } from '../../lib/core/package-root.ts'

function mixload(args: readonly string[], nodeOptions: readonly string[] = []) {
  const file = packagePath('dist', 'cmd', 'mixload.js')
  return spawnSync(process.execPath, [...nodeOptions, file, ...args], { encoding: 'utf8' })
}

it('a misspelt command shows the help once, and the command that was meant', () => {
  const { status, stderr } = mixload(['bakfill'])
  expect(status).toBe(2)
  expect(stderr.match(/^Commands:$/gm)).toHaveLength(1)
  expect(stderr).toContain('Did you mean backfill?')
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

it('a flag without its value is refused by name, without a stack trace', () => {
  const { status, stderr } = mixload(['status', '--schema'])
  expect(status).toBe(2)
  expect(stderr).toMatch(/\nNot enough arguments following: schema\n$/)
  expect(stderr).not.toContain('YError')
})
