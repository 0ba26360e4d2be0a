import { describe, expect, it } from 'vitest'
import { partsOf } from '../../lint/source-parts.ts'

/** The parts of a kind, as the texts that they are. */
function texts(text: string, extension: string, kind: 'comment' | 'string' | 'name'): readonly string[] {
  return partsOf(text, extension)
    .filter((part) => part.kind === kind)
    .map(({ start, end }) => text.slice(start, end))
}

describe('the parts of a TypeScript file', () => {
  const source = [
    "import { a } from './a.ts'",
    "export * from './b.ts'",
    '/** Doc. */',
    `const words: Map<string, number> = f(\`one \${a} two\`, "three")`,
    'const pattern = /\'not a "string"/',
    '// First',
    '// second.',
    "await import('./c.ts') // After code.",
    'class C { #hidden = 1 }',
  ].join('\n')

  it('are comments, and line comments that follow one another are one', () => {
    expect(texts(source, '.ts', 'comment')).toEqual(['/** Doc. */', '// First\n// second.', '// After code.'])
  })

  it('are strings and the texts of templates, but not the paths of modules or regular expressions', () => {
    expect(texts(source, '.ts', 'string')).toEqual(['`one ${', '} two`', '"three"'])
  })

  it('are names without their types', () => {
    const names = texts(source, '.ts', 'name')
    expect(names).toEqual(expect.arrayContaining(['words', 'pattern', 'C', '#hidden']))
    expect(names.filter((name) => !/^#?\w+$/.test(name))).toEqual([])
  })

  it('are found after characters that are not ASCII', () => {
    expect(texts("const s = '🙂 é'\n// After.", '.ts', 'comment')).toEqual(['// After.'])
  })

  it('cannot be found in what is not TypeScript', () => {
    expect(() => partsOf('const =', '.ts')).toThrow()
  })
})

describe('the parts of other files', () => {
  it('are comments and quoted texts of SQL', () => {
    const sql = '-- One\n-- two\nSELECT \'--no\' AS "n" {# Three #} /* four */'
    expect(texts(sql, '.sql', 'comment')).toEqual(['-- One\n-- two', '{# Three #}', '/* four */'])
    expect(texts(sql, '.sql', 'string')).toEqual(["'--no'", '"n"'])
  })

  it('are comments of shell scripts and Python', () => {
    expect(texts('#!/bin/sh\necho a#b # Says it.', '.sh', 'comment')).toEqual(['#!/bin/sh', '# Says it.'])
  })
})
