/** The columns of the ledger's tables, for docs/tables.md. */
import { columnsOf, LEDGER_TABLES, type LedgerTable } from '../../lib/destination/ledger.ts'
import { ENGINE_TYPES } from '../../lib/engine/dialect.ts'
import { code, table } from './markdown.ts'

/** The page with the columns as they are declared now. */
export function withLedgerTables(page: string): string {
  return LEDGER_TABLES.reduce((text, declared) => {
    const begin = `<!-- ${declared.name}: written by \`node docs/generate/index.ts\` -->`
    const end = `<!-- /${declared.name} -->`
    const [from, to] = [text.indexOf(begin), text.indexOf(end)]
    if (from < 0 || to < 0) throw new Error(`docs/tables.md has no ${begin} with ${end} after it`)
    return `${text.slice(0, from + begin.length)}\n\n${columnsTable(declared)}\n\n${text.slice(to)}`
  }, page)
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
