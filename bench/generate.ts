import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { type EventMaker, shopEvent, wideEvent } from './events.ts'
import { Random } from './random.ts'

/** Part of the file names. Increase it when the lines change, so that old files are not used. */
const VERSION = 1

const DAY_MS = 86_400_000
const BLOCK_CHARACTERS = 256 * 1024

/** A generated export, spread evenly over its days. */
export interface DataSet {
  readonly name: string
  readonly events: number
  readonly firstDay: string
  readonly days: number
  readonly seed: number
  readonly makeEvent: EventMaker
}

export const ONE_DAY: DataSet = {
  name: 'one-day',
  events: 500_000,
  firstDay: '2024-03-15',
  days: 1,
  seed: 1,
  makeEvent: shopEvent,
}
/** The same events as {@link ONE_DAY} with other times. */
export const MONTH: DataSet = { ...ONE_DAY, name: 'month', firstDay: '2024-03-01', days: 30 }
/** Many days that take hardly any time to load. */
export const SMALL_MONTH: DataSet = { ...MONTH, name: 'small-month', events: 15_000 }
export const LARGE: DataSet = { ...ONE_DAY, name: 'large', events: 2_000_000 }
/** Many properties in one slice. */
export const WIDEST: DataSet = { ...ONE_DAY, name: 'wide', events: 100_000, seed: 2, makeEvent: wideEvent(1500) }
/** Many properties in many small slices. */
export const WIDE: DataSet = {
  name: 'wide-days',
  events: 300_000,
  firstDay: '2024-03-01',
  days: 60,
  seed: 4,
  makeEvent: wideEvent(872),
}

/** The files of a data set: one per day, `2024-03-15.ndjson.gz`. */
export interface DataFiles {
  readonly directory: string
  readonly paths: readonly string[]
  readonly lastDay: string
}

/** Generates the files of a data set under `parent`, unless they exist. */
export async function generate(set: DataSet, parent: string): Promise<DataFiles> {
  const directory = join(parent, `${set.name}-v${VERSION}-${set.events}-${set.days}-${set.seed}`)
  const days = Array.from({ length: set.days }, (_, index) => addDays(set.firstDay, index))
  const files = days.map((day) => `${day}.ndjson.gz`)
  if (!existsSync(directory)) {
    // The directory is renamed last, so that an interrupted run leaves no directory that looks
    // complete.
    const unfinished = `${directory}.unfinished`
    await rm(unfinished, { recursive: true, force: true })
    await mkdir(unfinished, { recursive: true })
    const random = new Random(set.seed)
    for (const [index, day] of days.entries()) {
      const count = Math.floor(((index + 1) * set.events) / set.days) - Math.floor((index * set.events) / set.days)
      await pipeline(
        Readable.from(blocks(set.makeEvent, random, day, count)),
        createGzip(),
        createWriteStream(join(unfinished, `${day}.ndjson.gz`)),
      )
    }
    await rename(unfinished, directory)
  }
  return { directory, paths: files.map((file) => join(directory, file)), lastDay: days.at(-1) ?? set.firstDay }
}

/** Yields blocks of lines of a day. Times are in random order, as in a real export. */
function* blocks(makeEvent: EventMaker, random: Random, day: string, count: number): Generator<string> {
  const start = Date.parse(`${day}T00:00:00Z`)
  let block = ''
  for (let made = 0; made < count; made++) {
    block += `${makeEvent(random, start + random.below(DAY_MS))}\n`
    if (block.length < BLOCK_CHARACTERS) continue
    yield block
    block = ''
  }
  yield block
}

export function addDays(day: string, count: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY_MS).toISOString().slice(0, 10)
}
