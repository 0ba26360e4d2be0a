import { describe, expect, it } from 'vitest'
import { lint } from '../../lint/run.ts'
import { WORDS } from '../../lint/words.ts'

const LONG = 'x'.repeat(101)
// From the list, because the linter reads this file, too.
const WORD = wordInsteadOf('again; recreate')
const PHRASE = wordInsteadOf('reject; skip')
const BROKEN_PHRASE = PHRASE.avoid.replace(' ', '\n')

function wordInsteadOf(write: string) {
  const word = WORDS.find((each) => each.write === write)
  if (word === undefined) throw new Error(`no word to write “${write}” instead of`)
  return word
}

function placeOf({ avoid, write, reason }: typeof WORD, place: string, shown = avoid): string {
  return `${place}: “${shown}”: write “${write}”. ${reason}`
}

describe('the linter of words', () => {
  it('finds words in Markdown, also over the end of a line, but not in blocks of code', async () => {
    const page = `# Title\n\nIt is ${BROKEN_PHRASE} **${WORD.avoid}**.\n\n\`\`\`sh\n${WORD.avoid}\n\`\`\`\n`
    expect(await lint('page.md', page)).toEqual([placeOf(PHRASE, 'page.md:3:7'), placeOf(WORD, 'page.md:4:9')])
  })

  it('does not find them in the table that lists them', async () => {
    expect(await lint('page.md', `<!-- words -->\n\n${WORD.avoid}\n\n<!-- /words -->\n`)).toEqual([])
  })

  it('finds words in comments, also over the end of a line', async () => {
    const [first, second] = PHRASE.avoid.split(' ')
    const source = `/**\n * It is ${first}\n * ${second}.\n */\nconst a = 1 // It is ${first}\n// ${second}.\n`
    expect(await lint('a.ts', source)).toEqual([placeOf(PHRASE, 'a.ts:2:10'), placeOf(PHRASE, 'a.ts:5:22')])
  })

  it('finds words in string literals, next to escapes too', async () => {
    expect(await lint('a.ts', `f(\`: lost\\n${WORD.avoid}\`, '${WORD.avoid}')\n`)).toEqual([
      placeOf(WORD, 'a.ts:1:12'),
      placeOf(WORD, 'a.ts:1:20'),
    ])
  })

  it('finds words in names, once in a file', async () => {
    const name = `is${WORD.avoid[0]?.toUpperCase()}${WORD.avoid.slice(1)}`
    expect(await lint('a.ts', `const ${name} = true\nf(${name})\n`)).toEqual([placeOf(WORD, 'a.ts:1:7', name)])
  })

  it('finds comment lines of more than 100 columns, but not because of an address', async () => {
    const source = [`// ${LONG}`, `const a = '${LONG}'`, `/**\n * Doc\n * ${LONG}\n */`, `// https://${LONG}`].join(
      '\n',
    )
    expect(await lint('a.ts', source)).toEqual([
      'a.ts:1:1: A comment line has 104 columns; break it before column 100.',
      'a.ts:5:1: A comment line has 104 columns; break it before column 100.',
    ])
  })
})
