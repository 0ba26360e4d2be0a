import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isDestinationHere, isThisMachine, isUnencrypted, leadsToThisMachine } from '../../lib/core/addresses.ts'

const byte = fc.integer({ min: 0, max: 255 })

describe('this machine', () => {
  it.each(['localhost', 'LOCALHOST.', 'api.localhost', '0.0.0.0', '::1', '[::1]', '[::]', '::ffff:127.0.0.1'])(
    'is %s',
    (host) => {
      expect(isThisMachine(host)).toBe(true)
    },
  )

  it.each([
    'localhost.example.com',
    'notlocalhost',
    'mixpanel.com',
    '',
    '128.0.0.1',
    '10.0.0.1',
    '[fe80::1]',
    '127.1.evil.com',
  ])('is not %s', (host) => {
    expect(isThisMachine(host)).toBe(false)
  })

  it('is every address that begins with 127, and no other', () => {
    fc.assert(
      fc.property(byte, byte, byte, byte, (a, b, c, d) => {
        expect(isThisMachine([a, b, c, d].join('.'))).toBe(a === 127 || a + b + c + d === 0)
      }),
    )
  })

  it('is where a URL leads that writes its address in another way', () => {
    expect(['http://2130706433:80', 'http://0x7f.1/', 'https://[::1]:8600/x'].every(leadsToThisMachine)).toBe(true)
    expect(['http://127.0.0.1@evil.com', 'http://evil.com#@localhost', 'x'].some(leadsToThisMachine)).toBe(false)
  })
})

it('only http to another machine is unencrypted', () => {
  expect(['http://proxy/', 'HTTP:/10.0.0.1', 'http:example.com'].every(isUnencrypted)).toBe(true)
  expect(['https://proxy/', 'http://localhost:1', 'http://127.0.0.9', '', 'x'].some(isUnencrypted)).toBe(false)
})

describe('a destination', () => {
  it.each([
    'memory:',
    'duckdb:warehouse.duckdb',
    'duckdb:/data/w.duckdb',
    'duckdb::memory:',
    'parquet:../lake',
    'postgres://u:p@localhost:5432/db',
    'postgresql://127.0.0.1/db?sslmode=disable',
    'postgres:///db',
    'postgres://[::1]/db?host=localhost',
  ])('%s is here', (destination) => {
    expect(isDestinationHere(destination)).toBe(true)
  })

  it.each([
    'npm-package:x',
    'bigquery://p/d',
    'duckdb:md:d?motherduck_token=x',
    'duckdb:https://evil/w.duckdb',
    'parquet:s3://bucket',
    'postgres://evil/db',
    'postgres://localhost/db?host=evil',
    'postgres:///db?host=localhost,evil',
    'postgres://localhost%2cevil/db',
    'postgres:///db?host=/tmp/evil',
    'postgres://%2Ftmp%2Fevil/db',
    'postgres:evil',
    'duckdb',
    '',
    'other:x',
  ])('%s is not', (destination) => {
    expect(isDestinationHere(destination)).toBe(false)
  })
})
