import { describe, expect, it } from 'vitest'
import { occurrences, WORDS, wordsOfName } from '../../lint/words.ts'

describe.each(WORDS.map((word) => [word.avoid, word] as const))('the word %s', (_, word) => {
  const kinds = word.in === undefined ? (['prose', 'names'] as const) : [word.in]
  const isFound = (text: string) => kinds.map((kind) => occurrences(text, kind).some((found) => found.word === word))

  it('is found in every example of what is wrong', () => {
    for (const text of word.wrong) expect([text, isFound(text)]).toEqual([text, kinds.map(() => true)])
  })

  it('is not found in any example of what is right', () => {
    for (const text of word.right) expect([text, isFound(text)]).toEqual([text, kinds.map(() => false)])
  })

  it('is not in what to write instead', () => {
    expect(isFound(word.write)).not.toContain(true)
  })
})

describe('a phrase', () => {
  it('is found where it is broken over two lines', () => {
    const [found] = occurrences('The line is set\n   aside.', 'prose')
    expect(found).toMatchObject({ start: 12, end: 24, word: { avoid: 'set aside' } })
  })
})

describe('a name', () => {
  it.each([
    ['unzippedAside', 'unzipped aside'],
    ['#isPacked', 'is packed'],
    ['DELAY_MS_MAX', 'delay ms max'],
    ['lib/in-turns.ts', 'lib in turns ts'],
    ['', ''],
  ])('%s consists of the words %s', (name, words) => {
    expect(wordsOfName(name)).toBe(words)
  })
})
