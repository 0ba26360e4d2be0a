import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { messageOf } from '../../lib/core/errors.ts'

/** An error whose cause is the next one, and so on. */
function chained([first = '', ...others]: readonly string[]): Error {
  return new Error(first, others.length === 0 ? {} : { cause: chained(others) })
}

describe('the message of a thrown value', () => {
  it('has those of its causes, each in brackets', () => {
    expect(messageOf(chained(['cannot open', 'cannot read', 'ENOENT']))).toBe('cannot open (cannot read (ENOENT))')
  })

  it('says nothing twice', () => {
    expect(messageOf(chained(['a.csv: there is no such file.', 'there is no such file.', 'ENOENT']))).toBe(
      'a.csv: there is no such file. (ENOENT)',
    )
    expect(messageOf(chained(['failed: ENOENT', 'ENOENT']))).toBe('failed: ENOENT')
  })

  it('begins with its own and leaves out none', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), (messages) => {
        const text = messageOf(chained(messages))
        expect(text.startsWith(messages[0] ?? '')).toBe(true)
        for (const message of messages) expect(text).toContain(message)
      }),
    )
  })

  it('says what to do where the process may open no more files', () => {
    for (const text of [
      'EMFILE: too many open files, open x',
      'connect EMFILE 1.2.3.4',
      'Cannot open "x": Too many open files',
    ]) {
      const message = messageOf(chained(['no connection', text]))
      expect(message).toBe(
        `no connection (${text}) (the limit on open files is too low: raise it, for example with ulimit -n 1024)`,
      )
      expect(messageOf(new Error(message))).toBe(message)
    }
  })

  it('is the text of a value that is not an error', () => {
    for (const thrown of ['gone', 7, undefined]) expect(messageOf(thrown)).toBe(String(thrown))
  })
})
