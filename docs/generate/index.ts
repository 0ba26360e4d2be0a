/**
 * `node docs/generate/index.ts`: writes the pages of docs/ that are tables of what the code knows. test/docs.test.ts fails while
 * a page is older than the code.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { columnsPage } from './columns-page.ts'
import { errorsPage } from './errors-page.ts'
import { withFaultTable } from './fault-table.ts'
import { withLedgerTables } from './ledger-tables.ts'
import { settingsPage } from './settings-page.ts'

/** The generated pages, by the name of their file in docs/. */
export function generatedPages(): Readonly<Record<string, string>> {
  return {
    'settings.md': settingsPage(),
    'columns.md': columnsPage(),
    'errors.md': errorsPage(),
    'reliability.md': withFaultTable(existing('reliability.md')),
    'tables.md': withLedgerTables(existing('tables.md')),
  }
}

function existing(name: string): string {
  return readFileSync(new URL(`../${name}`, import.meta.url), 'utf8')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of Object.entries(generatedPages()))
    writeFileSync(new URL(`../${name}`, import.meta.url), text)
}
