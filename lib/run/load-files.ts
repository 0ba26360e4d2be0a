import type { Readable } from 'node:stream'
import { MixloadError } from '../core/errors.ts'
import { FileExtractor } from '../extract/file-extractor.ts'
import { openTable } from '../load/open-table.ts'
import { loadsLeft, STANDARD_INPUT } from '../slices.ts'
import { exportStream } from '../streams/export.ts'
import { describeLoaded } from './describe-tables.ts'
import { runStream } from './run-stream.ts'
import { openWarehouse, type Session } from './session.ts'
import { assertSameClock, assertSameProject, fileSourceOf } from './source.ts'
import { type StreamSummary, StreamTally } from './tally.ts'

/**
 * Loads files of events in the form of the raw export, each in one commit. `standardInput` is read
 * for `-`. A file that fails is in the summary. @throws MixloadError if no file can be loaded.
 */
export async function loadEventFiles(
  session: Session,
  files: readonly string[],
  standardInput: () => Readable,
): Promise<StreamSummary> {
  const { settings, signal } = session
  if (settings.legacyTime && settings.timezone === undefined) {
    throw new MixloadError(
      'CONFIG_INVALID',
      "With --legacy-time, set --timezone to the project's time zone: without it the times are ambiguous.",
    )
  }
  if (files.filter((file) => file === STANDARD_INPUT).length > 1) {
    throw new MixloadError('CONFIG_INVALID', 'Standard input (-) can be read only once.')
  }
  const stream = exportStream(settings)
  const { name } = stream
  const tally = new StreamTally(stream)
  const onProgress = tally.listen(session.onProgress)
  await using warehouse = await openWarehouse(session, 'write')
  const { destination } = warehouse
  const fileSource = fileSourceOf(settings)
  await assertSameProject(destination, fileSource)
  const requestsLeft = Number.POSITIVE_INFINITY
  onProgress({ kind: 'run-planned', stream: name, unit: 'files', sliceCount: files.length, requestsLeft })
  const options = { ...warehouse, settings, zone: settings.timezone, source: fileSource, onProgress, signal }
  const table = await openTable(name, stream.tables[0], options)
  const { loadsPerDayMax, daysPerLoadMax } = destination.capabilities
  const ledger = await destination.ledger(name)
  assertSameClock(ledger, { zone: settings.timezone ?? 'UTC', daysAreLocal: settings.legacyTime }, 'append')
  const loadsMax = loadsLeft(ledger, loadsPerDayMax, Date.now())
  const { input } = table
  const source = new FileExtractor({ input, ledger, loadsMax, daysPerLoadMax, standardInput, onProgress })
  const slices = files.map((file) => ({ file }))
  const { spoolAhead } = session.settings
  await runStream({ name, tables: [table], onProgress, signal, spoolAhead }, slices, source)
  await describeLoaded(session, destination, [stream])
  return tally.summary()
}
