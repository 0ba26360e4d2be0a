/**
 * `node bench/baseline.ts DATABASE SQL`: runs one statement on a new database file and closes it.
 * mixload is compared with DuckDB itself, in the same version and the same runtime.
 */
import { DuckDBInstance } from '@duckdb/node-api'

const [path, sql] = process.argv.slice(2)
if (path === undefined || sql === undefined) throw new Error('Usage: node bench/baseline.ts DATABASE SQL')

const instance = await DuckDBInstance.create(path)
const connection = await instance.connect()
await connection.run(sql)
connection.closeSync()
instance.closeSync()
