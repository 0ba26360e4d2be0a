/**
 * Another process that uses a directory of Parquet files, and reports to its parent what it does:
 * `parquet-child.ts read|open|hold|load-on|glob|break|break-removal DIRECTORY [TABLE] [WORK]`.
 */
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { DuckDBInstance } from '@duckdb/node-api'
import { ParquetDriver } from '../../destinations/parquet/driver.ts'
import { MixloadError, messageOf } from '../../lib/core/errors.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { COLUMNS, load, makeTable, manyRows, rejectsOf, relationOf, thing, unaborted } from '../conformance/rows.ts'
import { hold, openAndClose, report, reportFailure } from './child-work.ts'
import { readView } from './parquet-reading.ts'

const [mode = '', directory = '', table = '', given = ''] = process.argv.slice(2)
const work = given === '' ? `${directory}.engine-${process.pid}` : given

async function open() {
  const engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: work })
  const destination = new Warehouse(new ParquetDriver({ directory, engine, warn: () => {} }), { engine })
  await destination.open(unaborted())
  return destination
}

/** Calls of the file system that change something. */
const CHANGES = ['mkdir', 'rename', 'rm', 'rmdir', 'writeFile', 'link'] as const

/**
 * From now on the call of this number kills the process or fails; with `fail-on` all that follow
 * fail, too.
 */
function breakCalls(number: number, how: 'die' | 'fail' | 'fail-on', reportCount: (count: number) => void): void {
  let count = 0
  for (const name of CHANGES) {
    const original = fs[name] as (...given: readonly unknown[]) => Promise<unknown>
    const breaking = async (...given: readonly unknown[]): Promise<unknown> => {
      reportCount(++count)
      if (count === number && how === 'die') process.kill(process.pid, 'SIGKILL')
      const isHit = how === 'fail-on' ? count >= number : count === number
      if (isHit) {
        const message = `EIO: i/o error, ${name} '${given[0]}'`
        throw Object.assign(new Error(message), { code: 'EIO', errno: -5, syscall: name, path: given[0] })
      }
      return original(...given)
    }
    Object.assign(fs, { [name]: breaking })
  }
  syncBuiltinESMExports()
}

/** Replaces three days by two, with rejects. */
const replacing = (destination: Warehouse) => {
  const relation = relationOf(COLUMNS, [thing('new', '2026-08-01'), thing('new', '2026-08-03'), thing('new', null)])
  const mode = { kind: 'replace-days', firstDay: '2026-08-01', lastDay: '2026-08-03' } as const
  return load(destination, 'load-2', relation, { mode, rejects: rejectsOf('new') })
}

/** Removes some rows of a day. */
const removing = (destination: Warehouse) =>
  load(destination, 'load-2', relationOf([], []), {
    removal: { day: '2026-08-03', where: "__rows._day = DATE '2026-08-03' AND __rows.name = 'old'", rowCount: 1 },
    rejects: rejectsOf('new'),
  })

/** Does a load with a call that dies or fails. Reports the outcome. */
async function breakAtStep(work: (destination: Warehouse) => Promise<unknown>): Promise<void> {
  const how = table as 'die' | 'fail' | 'fail-on'
  const destination = await open()
  let calls = 0
  breakCalls(Number(process.argv[6]), how, (count) => {
    calls = count
  })
  const outcome = await work(destination).then(
    () => 'committed',
    (error: unknown) => (error instanceof MixloadError ? error.code : `no MixloadError: ${messageOf(error)}`),
  )
  await report({ outcome, calls })
}

try {
  if (mode === 'read') await report({ rows: await readView(directory, table) })
  if (mode === 'hold') await hold(open)
  if (mode === 'open') await openAndClose(open)
  if (mode === 'load-on') {
    // One load after the other, each taking the place of the one before, until somebody ends this.
    const destination = await open()
    await makeTable(destination)
    const before = await destination.ledger('things')
    await report('loading')
    for (let at = before.length; ; at++) {
      const kind = at % 2 === 0 ? 'append' : 'replace-table'
      await load(destination, `load-${at}`, manyRows(1000 + at, '2026-08-03'), {
        mode: { kind },
        rejects: rejectsOf('x'),
      })
    }
  }
  if (mode === 'glob') {
    // Reads over and over, as somebody who knows nothing of mixload, and reports each reading.
    const instance = await DuckDBInstance.create()
    const connection = await instance.connect()
    const query = `SELECT _load_id AS id, count(*)::INTEGER AS count FROM read_parquet('${directory}/things/*/*.parquet',
      hive_partitioning = true, union_by_name = true) GROUP BY ALL`
    let isAsked = true
    process.on('message', () => {
      isAsked = false
    })
    await report('reading')
    while (isAsked) {
      try {
        await report({ rows: (await connection.runAndReadAll(query)).getRowObjectsJS() })
      } catch (error) {
        await report({ failed: messageOf(error) })
      }
    }
    instance.closeSync()
  }
  if (mode === 'break') await breakAtStep(replacing)
  if (mode === 'break-removal') await breakAtStep(removing)
  if (mode !== 'hold') process.disconnect()
} catch (error) {
  await reportFailure(error)
}
