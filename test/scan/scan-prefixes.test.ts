import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LINE, LineScanner } from '../../lib/scan/line-scanner.ts'
import { runs } from '../runs.ts'
import { spelledLine } from './json-arbitraries.ts'
import { placed, scanned } from './scanning.ts'

describe('a line that was cut', () => {
  it('is never taken for an event, and is known to be unfinished, wherever the cut is', () => {
    fc.assert(
      fc.property(spelledLine, ({ text }) => {
        const bytes = Buffer.from(text)
        const scanner = new LineScanner()
        for (let length = 0; length < bytes.length; length++) {
          const prefix = bytes.subarray(0, length)
          const expected = /^[ \t\r]*$/.test(prefix.toString('latin1')) ? LINE.blank : LINE.incomplete
          expect(scanned(scanner, prefix), JSON.stringify(prefix.toString())).toBe(expected)
        }
      }),
      { numRuns: runs(120) },
    )
  })

  it('is unfinished also where its keys have been met before', () => {
    fc.assert(
      fc.property(spelledLine, fc.nat(), ({ text }, cut) => {
        const bytes = Buffer.from(text)
        const scanner = new LineScanner()
        scanned(scanner, bytes)
        const prefix = bytes.subarray(0, cut % bytes.length)
        fc.pre(!/^[ \t\r]*$/.test(prefix.toString('latin1')))
        expect(scanned(scanner, prefix)).toBe(LINE.incomplete)
        expect(scanned(scanner, bytes)).not.toBe(LINE.incomplete)
      }),
      { numRuns: runs(300) },
    )
  })

  it('stopped where it ended', () => {
    const scanner = new LineScanner()
    const { bytes, start, end } = placed('{"event":"a","properties":{"x":[1,')
    expect(scanner.scan(bytes, start, end)).toBe(LINE.incomplete)
    expect(scanner.stoppedAt).toBe(end)
  })
})
