import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createWarehouse } from '../../destinations/index.ts'
import { expectFailure } from '../conformance/failures.ts'
import { COLUMNS, load, makeTable, relationOf, thing, unaborted } from '../conformance/rows.ts'
import { kill, nextMessage } from './child-process.ts'
import { newEngine } from './engine.ts'
import { ParquetPlace } from './parquet-place.ts'

/** A user who owns nothing here, for tests that run as root, whom no permission stops. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

describe('a directory of Parquet files', () => {
  let place: ParquetPlace
  beforeEach(async () => {
    place = await ParquetPlace.create()
  })
  afterEach(() => place[Symbol.asyncDispose]())

  it.each(['parquet:', 'parquet:s3://bucket/lake', 'parquet:file:///tmp/x'])('is not named by %s', async (url) => {
    const making = createWarehouse({
      url,
      schema: 'mixpanel',
      engine: place.engine,
      workDirectory: place.parent,
      warn: () => {},
    })
    expect((await expectFailure(making, 'CONFIG_INVALID')).message).toContain('directory')
  })

  describe('that another process holds', () => {
    it('is busy for writing, can be read, and is free as soon as that process is killed', async () => {
      const owner = place.child(['hold', place.directory])
      expect(await nextMessage(owner)).toBe('open')
      const failure = await expectFailure(place.destination.open(unaborted()), 'DESTINATION_BUSY')
      expect(failure.message).toContain(`process ${owner.pid} on ${hostname()}`)
      expect(failure.message).toContain(place.directory)
      expect(failure.cause).toBeInstanceOf(Error)
      await place.destination.openToRead(unaborted())
      expect(await place.destination.ledger('things')).toEqual([])
      await kill(owner)
      await place.destination.open(unaborted())
      expect(await nextMessage(place.child(['open', place.directory]))).toMatchObject({ code: 'DESTINATION_BUSY' })
      await place.destination[Symbol.asyncDispose]()
      expect(await nextMessage(place.child(['open', place.directory]))).toBe('open')
    })

    it('is busy for a second destination in this process, too, and stays so after that one has failed', async () => {
      await place.destination.open(unaborted())
      await using secondEngine = await newEngine(join(place.parent, 'other'))
      for (const on of [place.engine, secondEngine]) {
        await using second = place.destinationOn(join(place.directory, '..', 'lake'), on)
        const failure = await expectFailure(second.open(unaborted()), 'DESTINATION_BUSY')
        expect(failure.message).toContain(`process ${process.pid}`)
      }
      expect(await nextMessage(place.child(['open', place.directory]))).toMatchObject({ code: 'DESTINATION_BUSY' })
    })
  })

  describe('that can’t be written', () => {
    it('because it is a file is named in the failure', async () => {
      await writeFile(place.directory, 'x')
      for (const opening of [
        () => place.destination.open(unaborted()),
        () => place.destination.openToRead(unaborted()),
      ]) {
        const failure = await expectFailure(opening(), 'DESTINATION_FAILED')
        expect(failure.message).toMatch(/lake.*There is a file where a directory should be/)
        expect(failure.cause).toBeInstanceOf(Error)
      }
      await rm(place.directory)
      await place.destination.open(unaborted())
    })

    it('because it is read-only is named in the failure', async () => {
      await mkdir(place.directory, { mode: 0o555 })
      await mkdir(join(place.parent, 'work'))
      await chmod(place.parent, 0o777)
      await chmod(join(place.parent, 'work'), 0o777)
      const report = await nextMessage(
        place.child(['open', place.directory, '', join(place.parent, 'work', 'engine')], NOBODY),
      )
      expect(report).toEqual({
        failed: expect.stringMatching(/lake.*Give the user that runs mixload the right to write there/),
        code: 'DESTINATION_FAILED',
      })
      expect(await readdir(place.directory)).toEqual([])
    })

    it('because its state is damaged is named in the failure', async () => {
      await place.destination.open(unaborted())
      await makeTable(place.destination)
      await load(place.destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
      await writeFile(join(place.directory, '_mixload', 'loads', '000000002-load-2.json'), '{"load_id":')
      const failure = await expectFailure(place.destination.ledger('things'), 'DESTINATION_FAILED')
      expect(failure.message).toContain('000000002-load-2.json')
    })
  })
})
