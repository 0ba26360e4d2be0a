import { expect, it } from 'vitest'
import { bytesIn } from '../../lib/core/byte-sizes.ts'

it.each([
  ['1KB', 1000],
  ['256MB', 256_000_000],
  ['2 gb', 2_000_000_000],
  ['1KiB', 1024],
  ['3MiB', 3 * 1024 * 1024],
  ['1GiB', 1024 ** 3],
])('%s is %i bytes', (size, bytes) => {
  expect(bytesIn(size)).toBe(bytes)
})
