import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createWarehouse } from '../../destinations/index.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import { expectFailure } from '../conformance/failures.ts'
import { unaborted } from '../conformance/rows.ts'
import { newEngine } from './engine.ts'

describe('a destination’s URL', () => {
  let directory: string
  let engine: Engine
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
    engine = await newEngine(directory)
  })
  afterEach(async () => {
    await engine[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const optionsOf = (url: string) => ({ url, schema: 'mixpanel', engine, workDirectory: directory, warn: () => {} })

  it('of DuckDB names a file, which is not created before it is opened', async () => {
    await using destination = await createWarehouse(optionsOf(`duckdb:${join(directory, 'a b:c.duckdb')}`))
    expect(destination.description).toBe(`duckdb:${join(directory, 'a b:c.duckdb')}`)
    expect(await readdir(directory)).not.toContain('a b:c.duckdb')
    await destination.open(unaborted())
    expect(await readdir(directory)).toContain('a b:c.duckdb')
  })

  it.each(['duckdb::memory:', 'memory:'])('%s keeps nothing on disk', async (url) => {
    await using destination = await createWarehouse(optionsOf(url))
    await destination.open(unaborted())
    expect(await destination.ledger('export')).toEqual([])
    expect((await readdir(directory)).filter((name) => name !== 'engine')).toEqual([])
  })

  it.each([
    '',
    ':',
    'duckdb',
    'duckdb:',
    'duckdbs',
    'memory',
    'memorys',
    'warehouse.duckdb',
    './warehouse.duckdb',
    'DUCKDB:x',
    ' duckdb:x',
    'constructor:x',
    '__proto__:x',
    'oracle://host/x',
  ])('such as %j is refused with what to write instead', async (url) => {
    const failure = await expectFailure(createWarehouse(optionsOf(url)), 'CONFIG_INVALID')
    expect(failure.message).toContain('duckdb:')
    expect(failure.exitCode).toBe(2)
  })

  it.each([
    'duckdb:md:d?motherduck_token=hush-hush',
    'duckdb:https://u:hush-hush@host/w.duckdb',
    'parquet:s3://id:hush-hush@bucket/p',
    'parquet:s3:/id:hush-hush@bucket/p',
    'postgres:/user:hush-hush@host/d',
    'postgres:user:hush-hush@host/d',
    'postgres:///user:hush-hush@host/d',
    'postgresql:////user:hush-hush@host',
    'POSTGRES:/user:hush-hush@host',
    'bigquery:/p/d?token=hush-hush',
    'npm-package:missing?token=hush-hush',
    'user:hush-hush@host/d',
  ])('such as %s is refused without its secret', async (url) => {
    const failure = await expectFailure(createWarehouse(optionsOf(url)), 'CONFIG_INVALID')
    expect(failure.message).not.toContain('hush-hush')
  })

  it('does not show a password when it is refused', async () => {
    const url = 'oracle://me:hush-hush@host/x'
    const failure = await expectFailure(createWarehouse(optionsOf(url)), 'CONFIG_INVALID')
    expect(failure.message).not.toContain('hush-hush')
  })
})
