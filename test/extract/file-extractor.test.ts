import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import { ColumnRegistry } from '../../lib/columns/registry.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { type FileExtractOptions, FileExtractor } from '../../lib/extract/file-extractor.ts'
import { TableInput } from '../../lib/extract/table-input.ts'
import { SpoolDirectory } from '../../lib/spool/spool.ts'
import { exportStream } from '../../lib/streams/export.ts'
import { PLAIN_RULES } from '../columns/plain-rules.ts'
import { expectFailure } from '../conformance/failures.ts'

const DAY_MS = 86_400_000
const NOON = Date.parse('2026-03-01T12:00:00Z')
const { signal } = new AbortController()

let directory: string
let spool: SpoolDirectory
let engine: Engine
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
  spool = await SpoolDirectory.create(directory)
  engine = await Engine.create({ memoryLimit: '100MB', temporaryDirectory: join(directory, 'engine') })
})
afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

function input(name: string): TableInput {
  const [table] = exportStream({ legacyTime: false, events: undefined }).tables
  const registry = new ColumnRegistry(EXPORT_COLUMNS, PLAIN_RULES)
  const valuesPerRowMax = Number.POSITIVE_INFINITY
  const common = { registry, engine, spool, localZone: undefined, valuesPerRowMax, onWarning: () => {} }
  return new TableInput({ table: { ...table, name }, ...common })
}

function extractor(options: Partial<FileExtractOptions> = {}): FileExtractor {
  const none = Number.POSITIVE_INFINITY
  return new FileExtractor({
    input: input('export'),
    ledger: [],
    loadsMax: none,
    daysPerLoadMax: none,
    standardInput: () => Readable.from([]),
    onProgress: () => {},
    ...options,
  })
}

/** A file with an event at each of these times. */
async function fileOf(name: string, times: readonly (number | null)[]): Promise<{ readonly file: string }> {
  const file = join(directory, name)
  await writeFile(file, times.map((time) => `{"event":"${name}","properties":{"time":${time}}}\n`).join(''))
  return { file }
}

async function loadIdOf(source: FileExtractor, slice: { readonly file: string }): Promise<string> {
  const extracted = await source.extract(slice, signal)
  if (extracted.kind !== 'spooled') throw new Error(`it is ${extracted.kind}`)
  return extracted.spooled.tables[0].loadId
}

describe('a file’s load', () => {
  it('has an id that is a UUID, always the same for the same content and stream', async () => {
    const slice = await fileOf('a', [NOON])
    const id = await loadIdOf(extractor(), slice)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(await loadIdOf(extractor(), slice)).toBe(id)
    expect(await loadIdOf(extractor({ input: input('other') }), slice)).not.toBe(id)
    expect(await loadIdOf(extractor(), await fileOf('b', [NOON]))).not.toBe(id)
  })

  it('is done once in a run, and leaves nothing in the spool the second time', async () => {
    const source = extractor()
    const slice = await fileOf('a', [NOON])
    await loadIdOf(source, slice)
    expect(await source.extract(slice, signal)).toEqual({ kind: 'already-loaded' })
  })
})

describe('the limits of a destination', () => {
  it('on loads end the run, but do not count files that are already loaded', async () => {
    const source = extractor({ loadsMax: 1 })
    const first = await fileOf('a', [NOON])
    await loadIdOf(source, first)
    expect(await source.extract(first, signal)).toEqual({ kind: 'already-loaded' })
    const failure = await expectFailure(source.extract(await fileOf('bb', [NOON]), signal), 'CONFIG_INVALID')
    expect(failure.message).toContain('tomorrow')
  })

  it('on days apply to each file; undated events count as one more', async () => {
    const source = extractor({ daysPerLoadMax: 2 })
    const refused = (message: string) => ({
      kind: 'skipped',
      error: { code: 'FILE_REFUSED', message: expect.stringContaining(message) },
    })
    const many = await fileOf('many', [NOON, NOON + 1, NOON + DAY_MS, NOON - DAY_MS])
    expect(await source.extract(many, signal)).toMatchObject(refused('from 3 days'))
    const undated = await fileOf('undated', [NOON, null, NOON + DAY_MS])
    expect(await source.extract(undated, signal)).toMatchObject(refused(''))
    await loadIdOf(source, await fileOf('few', [NOON, NOON + 1, NOON + DAY_MS]))
  })
})
