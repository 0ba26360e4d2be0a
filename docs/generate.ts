/**
 * `node docs/generate.ts`: writes the pages that are tables of what the code knows. test/docs.test.ts fails while a page is
 * older than the code.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { columnsPage } from './columns-page.ts'
import { errorsPage } from './errors-page.ts'
import { withFaultTable } from './fault-table.ts'
import { settingsPage } from './settings-page.ts'
import { withWordsTable } from './words-table.ts'

/** The generated pages, by their path from docs/. */
export function generatedPages(): Readonly<Record<string, string>> {
  return {
    'settings.md': settingsPage(),
    'columns.md': columnsPage(),
    'errors.md': errorsPage(),
    'reliability.md': withFaultTable(read('reliability.md')),
    '../CONTRIBUTING.md': withWordsTable(read('../CONTRIBUTING.md')),
  }
}

function read(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of Object.entries(generatedPages())) writeFileSync(new URL(name, import.meta.url), text)
}
