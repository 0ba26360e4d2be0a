import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Engine } from '../../lib/engine/engine.ts'
import { isZone } from '../../lib/time/days.ts'

it('each time zone that the settings accept is known to the engine', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mixload-zones-'))
  try {
    await using engine = await Engine.create({ memoryLimit: undefined, temporaryDirectory: directory })
    const connection = await engine.connect()
    const rows = await connection.all('SELECT name FROM pg_timezone_names()')
    const known = new Set(rows.map(({ name }) => String(name).toLowerCase()))
    const offsets = ['+05:30', '-03', '+0530', '-03:00', '+00:00']
    const names = [...Intl.supportedValuesOf('timeZone'), ...known, ...offsets].filter(isZone)
    expect(names.length).toBeGreaterThan(400)
    expect(names.filter((name) => !known.has(name.toLowerCase()))).toEqual([])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
