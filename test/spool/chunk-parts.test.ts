import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { partsOf } from '../../lib/spool/chunk-parts.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
})
afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
})

const MEGABYTE = 1024 * 1024

it.each([
  ['nothing', ''],
  ['one line', 'a\n'],
  ['a last line without its end', 'a\nb'],
  ['lines over several parts', `${'x'.repeat(999)}\n`.repeat(10_000)],
  ['lines longer than a part', `a\n${'b'.repeat(9 * MEGABYTE)}\n${'c'.repeat(5 * MEGABYTE)}\nd\n`],
])('the parts of %s are all of its bytes, and end where lines do', async (_, text) => {
  const path = join(directory, 'chunk.ndjson')
  await writeFile(path, text)
  const parts: string[] = []
  for await (const part of partsOf({ path, bytes: text.length })) parts.push(part.toString())
  expect(parts.every((part) => part.endsWith('\n'))).toBe(true)
  expect(parts.join('') === (text === '' || text.endsWith('\n') ? text : `${text}\n`)).toBe(true)
})
