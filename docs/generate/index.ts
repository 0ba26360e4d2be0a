/**
 * `node docs/generate/index.ts`: writes the pages of docs/ that are generated from the code.
 * test/docs.test.ts fails if a page is out of date.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { columnsPage } from './columns-page.ts'
import { errorsPage } from './errors-page.ts'
import { faultTestsPage } from './fault-table.ts'
import { withLedgerTables } from './ledger-tables.ts'
import { settingsPage } from './settings-page.ts'
import { withWordsTable } from './words-table.ts'

/** The generated pages, by path from docs/. */
export function generatedPages(): Readonly<Record<string, string>> {
  return {
    'settings.md': settingsPage(),
    'columns.md': columnsPage(),
    'errors.md': errorsPage(),
    'fault-tests.md': faultTestsPage(),
    'tables.md': withLedgerTables(existing('tables.md')),
    '../CONTRIBUTING.md': withWordsTable(existing('../CONTRIBUTING.md')),
  }
}

function existing(name: string): string {
  return readFileSync(new URL(`../${name}`, import.meta.url), 'utf8')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of Object.entries(generatedPages()))
    writeFileSync(new URL(`../${name}`, import.meta.url), text)
}
