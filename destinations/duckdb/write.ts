import { quoteName, quotePath, quoteText } from '../../lib/core/sql.ts'
import type { Load } from '../../lib/destination/contract.ts'
import { REJECTS } from '../../lib/destination/ledger.ts'
import { rejectOwner } from '../../lib/destination/ledger-row.ts'
import type { EngineConnection } from '../../lib/engine/engine.ts'
import { type LedgerPlace, writeLedgerRow } from './ledger.ts'

/** Writes rows, rejects and ledger row within a transaction. */
export async function writeLoad(
  connection: EngineConnection,
  load: Load,
  place: LedgerPlace,
  signal: AbortSignal,
): Promise<void> {
  const { record, rows, rejects } = load
  const path = (table: string) => quotePath(place.catalog, place.schema, table)
  const table = path(load.table)
  const id = quoteText(record.loadId)
  await deleteReplaced(connection, load, table)
  if (rows !== undefined) {
    const count = await connection.run(
      `INSERT INTO ${table} BY NAME SELECT *,
         TIMESTAMPTZ ${quoteText(record.loadedAt.toISOString())} AS _loaded_at, ${id} AS _load_id
       FROM (${rows.query})`,
    )
    rows.verify(count)
  }
  signal.throwIfAborted()
  if (rejects !== undefined) {
    const owner = Object.entries(rejectOwner(record)).map(
      ([name, value]) => `${quoteText(value)} AS ${quoteName(name)}`,
    )
    const count = await connection.run(
      `INSERT INTO ${path(REJECTS.name)} BY NAME SELECT ${owner.join(', ')}, * FROM (${rejects.query})`,
    )
    rejects.verify(count)
  }
  await writeLedgerRow(connection, place, record)
  // An abort between two statements stops neither; after this there is only the commit.
  signal.throwIfAborted()
}

async function deleteReplaced(connection: EngineConnection, { mode }: Load, table: string): Promise<void> {
  if (mode.kind === 'append') return
  const days =
    mode.kind === 'replace-table' ? 'true' : `_day BETWEEN ${quoteText(mode.firstDay)} AND ${quoteText(mode.lastDay)}`
  await connection.run(`DELETE FROM ${table} WHERE ${days}`)
}
