/** The columns of the ledger's tables, for docs/tables.md. */
import { columnsOf, LEDGER_TABLES, type LedgerTable } from '../../lib/destination/ledger.ts'
import { ENGINE_TYPES } from '../../lib/engine/dialect.ts'
import { code, section, table } from './markdown.ts'

/** The page with the columns as they are declared now. */
export function withLedgerTables(page: string): string {
  return LEDGER_TABLES.reduce((text, declared) => section(text, declared.name, columnsTable(declared)), page)
}

function columnsTable(declared: LedgerTable): string {
  return table(
    ['Column', 'Type', 'Meaning'],
    columnsOf(declared).map(({ name, type, description }) => [code(name), ENGINE_TYPES[type], marked(description)]),
  )
}

/** A description with the names of columns and tables, and JSON, as code. */
function marked(description: string): string {
  return description.replace(/\{.*?\}|\b_[a-z_]+\b/g, code)
}
