import { describe, expect, it } from 'vitest'
import { lint } from '../../lint/run.ts'

const LONG = 'x'.repeat(101)

describe('the linter of words', () => {
  it('finds words in Markdown, also over the end of a line, but not in blocks of code', async () => {
    const page = '# Title\n\nIt is set\naside **anew**.\n\n```sh\nanew\n```\n'
    expect(await lint('page.md', page)).toEqual([
      'page.md:3:7: “set aside”: write “reject; skip”. A line is rejected, a slice is skipped: two outcomes, two words.',
      'page.md:4:9: “anew”: write “again; recreate”. It is the common word.',
    ])
  })

  it('does not find them in the table that lists them', async () => {
    expect(await lint('page.md', '<!-- words -->\n\nanew\n\n<!-- /words -->\n')).toEqual([])
  })

  it('finds words in comments, also over the end of a line', async () => {
    const source = '/**\n * It is set\n * aside.\n */\nconst a = 1 // Set\n// aside.\n'
    expect(await lint('a.ts', source)).toEqual([
      'a.ts:2:10: “set aside”: write “reject; skip”. A line is rejected, a slice is skipped: two outcomes, two words.',
      'a.ts:5:16: “Set aside”: write “reject; skip”. A line is rejected, a slice is skipped: two outcomes, two words.',
    ])
  })

  it('finds words in string literals, next to escapes too', async () => {
    expect(await lint('a.ts', "f(`: lost\\nanew`, 'anew')\n")).toEqual([
      'a.ts:1:12: “anew”: write “again; recreate”. It is the common word.',
      'a.ts:1:20: “anew”: write “again; recreate”. It is the common word.',
    ])
  })

  it('finds words in names, once in a file', async () => {
    expect(await lint('a.ts', 'const isAnew = true\nf(isAnew)\n')).toEqual([
      'a.ts:1:7: “isAnew”: write “again; recreate”. It is the common word.',
    ])
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
