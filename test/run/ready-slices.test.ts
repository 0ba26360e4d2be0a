import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { SpooledSlice } from '../../lib/extract/slice-source.ts'
import { ReadySlices } from '../../lib/run/ready-slices.ts'

const MEGABYTE = 1024 * 1024
const BYTES_MAX = 256 * MEGABYTE

/** A slice whose lines have so many bytes. */
function sliceOf(day: string, bytes: number): SpooledSlice {
  const rows = { lines: [{ path: day, bytes }], rejects: [] } as unknown as SpooledSlice['tables'][0]
  return { slice: { firstDay: day, lastDay: day }, tables: [rows] }
}

/** Slices of these sizes, each after a turn of the event loop, and how many have been extracted. */
function source(megabytes: readonly number[], failsAt?: number) {
  let count = 0
  const next = async () => {
    await turn()
    if (count === failsAt) throw new Error('out of reach')
    const size = megabytes[count]
    return size === undefined ? undefined : sliceOf(`2026-08-${String(++count).padStart(2, '0')}`, size * MEGABYTE)
  }
  return { next, count: () => count }
}

async function settled(): Promise<void> {
  for (let turns = 0; turns < 300; turns++) await turn()
}

describe('slices that are ready', () => {
  it('are handed over as soon as there is one, and then all that came during its load', async () => {
    const ready = new ReadySlices(source([1, 1, 1, 1]).next, true, BYTES_MAX)
    expect(await ready.take()).toHaveLength(1)
    await settled()
    expect(await ready.take()).toHaveLength(3)
    expect(await ready.take()).toHaveLength(0)
  })

  it('are handed over one at a time where there are no groups, and one waits', async () => {
    const { next, count } = source([1, 1, 1, 1])
    const ready = new ReadySlices(next, false, BYTES_MAX)
    expect(await ready.take()).toHaveLength(1)
    await settled()
    expect(count()).toBe(2)
    expect(await ready.take()).toHaveLength(1)
  })

  it('wait up to a limit of bytes', async () => {
    const { next, count } = source(Array.from({ length: 20 }, () => 100))
    const ready = new ReadySlices(next, true, BYTES_MAX)
    await ready.take()
    await settled()
    expect(count()).toBe(4)
    expect(await ready.take()).toHaveLength(3)
  })

  it('wait up to a limit of slices', async () => {
    const ready = new ReadySlices(source(Array.from({ length: 300 }, () => 0)).next, true, BYTES_MAX)
    await ready.take()
    await settled()
    expect(await ready.take()).toHaveLength(100)
  })

  it('come before the failure of a later slice', async () => {
    const ready = new ReadySlices(source([1, 1, 1], 2).next, true, BYTES_MAX)
    const taken = [...(await ready.take())]
    await settled()
    taken.push(...(await ready.take()))
    expect(taken).toHaveLength(2)
    await expect(ready.take()).rejects.toThrow('out of reach')
  })

  it('are not extracted any more after a stop', async () => {
    const { next, count } = source([1, 1, 1, 1])
    const ready = new ReadySlices(next, true, BYTES_MAX)
    await ready.take()
    await ready.stop()
    const before = count()
    await settled()
    expect(count()).toBe(before)
  })
})
