/** Another process that has a Postgres destination open, and tells its parent: `postgres-child.ts hold|load URL SCHEMA DIRECTORY`. */
import { createPostgresDestination } from '../../destinations/postgres/index.ts'
import { Engine } from '../../lib/engine.ts'
import { MixloadError, messageOf } from '../../lib/errors.ts'
import { COLUMNS, load, makeTable, manyRows, relationOf, thing, unaborted, whenAsked } from '../conformance/rows.ts'

const [mode = '', url = '', schema = '', workDirectory = ''] = process.argv.slice(2)
/** Sends it wholly before going on: a message still under way is lost when the channel closes. */
const tell = (message: unknown) => new Promise((sent) => process.send?.(message, sent))

try {
  const engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: `${workDirectory}/engine` })
  const destination = createPostgresDestination({ url, schema, engine, workDirectory })
  await destination.open(unaborted())
  // Listening keeps the process alive for as long as its parent has the channel open.
  process.on('message', () => {})
  if (mode === 'hold') await tell('open')
  if (mode === 'load') {
    await makeTable(destination)
    await load(destination, 'load-1', relationOf(COLUMNS, [thing('before')]))
    const relation = whenAsked(manyRows(200_000_000, '2026-08-03'), () => void tell('loading'))
    await load(destination, 'load-2', relation)
    await tell('loaded')
  }
} catch (error) {
  await tell({ failed: messageOf(error), code: error instanceof MixloadError ? error.code : undefined })
  process.disconnect()
}
