import { describe, expect, it } from 'vitest'
import { occurrences, WORDS, wordsOfName } from '../../lint/words.ts'

describe.each(WORDS.map((word) => [word.avoid, word] as const))('the word %s', (_, word) => {
  const kinds = word.in === undefined ? (['prose', 'names'] as const) : [word.in]
  const isFound = (text: string) => kinds.map((kind) => occurrences(text, kind).some((found) => found.word === word))

  it('is found in every example of what is wrong', () => {
    for (const text of word.wrong) expect([text, isFound(text)]).toEqual([text, kinds.map(() => true)])
  })

  it('is found where an example is broken over two lines', () => {
    for (const text of word.wrong.map((example) => example.replaceAll(' ', '\n   ')))
      expect([text, isFound(text)]).toEqual([text, kinds.map(() => true)])
  })

  it('is not found in any example of what is right', () => {
    for (const text of word.right) expect([text, isFound(text)]).toEqual([text, kinds.map(() => false)])
  })

  it('is not in what to write instead', () => {
    expect(isFound(word.write)).not.toContain(true)
  })
})

describe('a phrase', () => {
  it('is found with its place where it is broken over two lines', () => {
    const word = WORDS.find(({ write }) => write === 'reject; skip')
    const [first, second] = word?.avoid.split(' ') ?? []
    const [found] = occurrences(`The line is ${first}\n   ${second}.`, 'prose')
    expect(found).toEqual({ start: 12, end: 24, word })
  })
})

describe('a name', () => {
  it.each([
    ['lineCount', 'line count'],
    ['#isWhole', 'is whole'],
    ['DELAY_MS_MAX', 'delay ms max'],
    ['lib/line-scanner.ts', 'lib line scanner ts'],
    ['', ''],
  ])('%s consists of the words %s', (name, words) => {
    expect(wordsOfName(name)).toBe(words)
  })
})
