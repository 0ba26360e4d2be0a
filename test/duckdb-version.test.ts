import { readFileSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'
import { describe, expect, it } from 'vitest'
import { packagePath } from '../lib/core/package-root.ts'

const PACKAGE = JSON.parse(readFileSync(packagePath('package.json'), 'utf8'))
const PINNED: string = PACKAGE.dependencies['@duckdb/node-api']
/** The version of DuckDB itself, without the revision of its Node package. */
const DUCKDB = PINNED.replace(/-r\.\d+$/, '')

describe('the version of DuckDB', () => {
  it('is exact in package.json, not a range', () => {
    expect(PINNED).toMatch(/^\d+\.\d+\.\d+-r\.\d+$/)
  })

  it('is the version that runs', async () => {
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    try {
      const reader = await connection.runAndReadAll('SELECT library_version FROM pragma_version()')
      expect(reader.getRows()).toEqual([[`v${DUCKDB}`]])
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  })

  it.each([
    'test/dbt/requirements.in',
    'test/dbt/requirements.lock',
    'test/bigquery-emulator/requirements.in',
    'test/bigquery-emulator/requirements.lock',
  ])('is the version in %s, extensions included', (file) => {
    const text = readFileSync(packagePath(file), 'utf8')
    const versions = [...text.matchAll(/^duckdb(?:-extension-\w+)?==([^\s\\]+)/gm)].map(([, version]) => version)
    expect(new Set(versions)).toEqual(new Set([DUCKDB]))
  })
})
