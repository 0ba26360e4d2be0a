import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { makeDirectory } from '../../lib/core/directories.ts'

it('a directory can be made many times at once, with its parents', async () => {
  const root = await mkdtemp(join(tmpdir(), 'mixload-test-'))
  try {
    for (let round = 0; round < 50; round++) {
      const path = join(root, `a${round}`, 'b', 'c')
      await Promise.all(Array.from({ length: 8 }, () => makeDirectory(path, 0o700)))
      expect((await stat(path)).isDirectory()).toBe(true)
    }
  } finally {
    await rm(root, { recursive: true })
  }
})

it('a directory that cannot be made is an error', async () => {
  await expect(makeDirectory('/proc/nothing/here')).rejects.toThrow()
})
