/**
 * `node lint/run.ts`: looks for words to avoid, and for comment lines that are too long, in all
 * files of the repository. It prints each place, and ends with 1 if there are any.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TextlintKernel, type TextlintKernelOptions } from '@textlint/kernel'
import type { TextlintPluginCreator } from '@textlint/types'
import { commentWidthRule, wordsRule } from './rules.ts'
import { SOURCE_EXTENSIONS } from './source-parts.ts'
import { SOURCE_PLUGIN } from './source-plugin.ts'

const ROOT = join(import.meta.dirname, '..')
const EXTENSIONS = ['.md', ...SOURCE_EXTENSIONS]
/** The list of the words themselves. */
const WORDS_FILE = 'lint/words.yml'
/** Where a page has the list as a table. */
const WORDS_TABLE = /<!-- words[\s\S]*?<!-- \/words -->/g

/**
 * Loaded as the CommonJS module that it is: bundlers and Node do not agree on what its default
 * export is when imported.
 */
const MARKDOWN_PLUGIN: TextlintPluginCreator = createRequire(import.meta.url)(
  '@textlint/textlint-plugin-markdown',
).default

const OPTIONS: Omit<TextlintKernelOptions, 'ext'> = {
  plugins: [
    { pluginId: 'markdown', plugin: MARKDOWN_PLUGIN },
    { pluginId: 'source', plugin: SOURCE_PLUGIN },
  ],
  rules: [
    { ruleId: 'words', rule: wordsRule },
    { ruleId: 'comment-width', rule: commentWidthRule },
  ],
}

/** What is wrong in a text, as `file:line:column: message`. */
export async function lint(filePath: string, text: string): Promise<readonly string[]> {
  const kernel = new TextlintKernel()
  const options = { ...OPTIONS, ext: extname(filePath), filePath }
  const { messages } = await kernel.lintText(text.replaceAll(WORDS_TABLE, blank), options)
  return messages.map(({ loc, message }) => `${filePath}:${loc.start.line}:${loc.start.column}: ${message}`)
}

/** As many lines as the text has. */
function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, ' ')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' })
    .split('\0')
    .filter((file) => EXTENSIONS.includes(extname(file)) && file !== WORDS_FILE)
  let count = 0
  for (const file of files) {
    const places = await lint(file, readFileSync(join(ROOT, file), 'utf8'))
    count += places.length
    for (const place of places) process.stdout.write(`${place}\n`)
  }
  if (count > 0) {
    process.stderr.write(`${count} places; CONTRIBUTING.md has the list of words.\n`)
    process.exitCode = 1
  }
}
