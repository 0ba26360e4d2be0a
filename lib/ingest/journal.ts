import { randomUUID } from 'node:crypto'
import { type FileHandle, open, readdir, readFile, rename, rm, rmdir, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { MixloadError, messageOf } from '../core/errors.ts'
import { makeDirectory } from '../core/make-directory.ts'
import { isRunning } from '../core/process-alive.ts'
import { ENDPOINTS, type EndpointName } from './endpoints.ts'

/** Bytes after which the next records go to a new file, so that files of records that were sent can go. */
const SEGMENT_BYTES = 8 * 1024 * 1024

/** A session on another machine whose directory has not been touched for so long has ended. */
const ABANDONED_AFTER_MS = 60_000
const TOUCH_EVERY_MS = 15_000

/** Sessions of this very process, which its id does not tell from those of a process before. */
const OWN_SESSIONS = new Set<string>()

/** Where a record is. */
export interface Place {
  readonly segment: Segment
  readonly line: number
}

/** A file of records of one endpoint, a line each. Beside it, `.sent` has the ranges of lines that need not be sent again. */
interface Segment {
  readonly path: string
  readonly endpoint: EndpointName
  lines: number
  bytes: number
  settled: number
  /** Takes no further records. */
  isFull: boolean
  file: FileHandle | undefined
  sent: FileHandle | undefined
}

/** A record that an earlier session left. */
export interface Recovered {
  readonly endpoint: EndpointName
  readonly json: string
  readonly place: Place
}

/**
 * Records on disk until Mixpanel has answered for them. Each session has a directory of its own; one whose process has
 * ended is taken over whole by the next session that starts, and by that one alone. What survives is what a process
 * that is killed leaves, and not what a machine that loses power does.
 */
export class Journal {
  readonly #parent: string
  /** The name of the session's directory, and those of the directories that it has taken over. */
  readonly #session: string
  readonly #directories: string[] = []
  readonly #current = new Map<EndpointName, Segment>()
  #number = 0
  #work: Promise<void> = Promise.resolve()
  #touch: NodeJS.Timeout | undefined

  private constructor(parent: string) {
    this.#parent = parent
    this.#session = sessionName()
  }

  /** @throws MixloadError SPOOL_FAILED. */
  static async open(parent: string): Promise<Journal> {
    const journal = new Journal(parent)
    journal.#own(journal.#session)
    await guarded(parent, () => makeDirectory(join(parent, journal.#session), 0o700))
    journal.#touch = setInterval(() => {
      const now = new Date()
      for (const name of journal.#directories) utimes(join(parent, name), now, now).catch(() => {})
    }, TOUCH_EVERY_MS)
    journal.#touch.unref()
    return journal
  }

  /** What sessions before have left, oldest first in each of them. */
  async *recovered(): AsyncGenerator<Recovered> {
    for (const name of (await guarded(this.#parent, () => readdir(this.#parent))).sort()) {
      const directory = join(this.#parent, name)
      if (name === this.#session || !(await guarded(directory, () => isAbandoned(directory, name)))) continue
      const claimedName = sessionName()
      this.#own(claimedName)
      const claimed = join(this.#parent, claimedName)
      // Of two sessions that start at once, one finds nothing to rename.
      if (!(await moved(directory, claimed))) continue
      for (const file of (await readdir(claimed)).sort()) yield* this.#recoveredFrom(join(claimed, file), file)
    }
  }

  #own(name: string): void {
    OWN_SESSIONS.add(name)
    this.#directories.push(name)
  }

  async *#recoveredFrom(path: string, file: string): AsyncGenerator<Recovered> {
    const endpoint = /^\d+-([a-z]+)\.ndjson$/.exec(file)?.[1] as EndpointName | undefined
    if (endpoint === undefined || !Object.hasOwn(ENDPOINTS, endpoint)) return
    const text = await guarded(path, () => readFile(path, 'utf8'))
    // The process may have ended in the middle of a line, and then nobody was told that it was kept.
    const lines = text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .slice(0, -1)
    const sent = await sentLines(path)
    const left = lines.flatMap((json, line) => (sent.has(line) ? [] : [{ json, line }]))
    const segment: Segment = {
      path,
      endpoint,
      lines: lines.length,
      bytes: Buffer.byteLength(text),
      settled: lines.length - left.length,
      isFull: true,
      file: undefined,
      sent: undefined,
    }
    if (left.length === 0) await this.#remove(segment)
    for (const { json, line } of left) yield { endpoint, json, place: { segment, line } }
  }

  /** Keeps records, and gives their places once a process that is killed would leave them. */
  append(endpoint: EndpointName, records: readonly string[]): Promise<readonly Place[]> {
    return this.#inTurn(async () => {
      const segment = await this.#segment(endpoint)
      const bytes = Buffer.from(`${records.join('\n')}\n`)
      try {
        await segment.file?.appendFile(bytes)
      } catch (error) {
        await this.#giveUp(segment)
        throw error
      }
      const first = segment.lines
      segment.lines += records.length
      segment.bytes += bytes.length
      if (segment.bytes >= SEGMENT_BYTES) segment.isFull = true
      return records.map((_, at) => ({ segment, line: first + at }))
    })
  }

  /** Takes what was written in part out of a segment: its call fails, and it must not be sent all the same. */
  async #giveUp(segment: Segment): Promise<void> {
    segment.isFull = true
    // Making a file shorter takes no room. Where even that fails, what is cut is no record.
    await segment.file?.truncate(segment.bytes).catch(() => {})
    if (segment.settled === segment.lines) await this.#remove(segment)
  }

  /** Notes that these records need not be sent again. */
  settle(places: readonly Place[]): Promise<void> {
    return this.#inTurn(async () => {
      const bySegment = Map.groupBy(places, ({ segment }) => segment)
      for (const [segment, ofSegment] of bySegment) {
        segment.settled += ofSegment.length
        if (segment.settled === segment.lines) await this.#remove(segment)
        else {
          segment.sent ??= await open(`${segment.path}.sent`, 'a', 0o600)
          await segment.sent.appendFile(rangesOf(ofSegment.map(({ line }) => line)))
        }
      }
    })
  }

  /** Ends the session. What was not settled stays for the next one. */
  async close(): Promise<void> {
    clearInterval(this.#touch)
    await this.#inTurn(async () => {
      for (const segment of this.#current.values()) await closeFiles(segment)
    })
    for (const name of this.#directories) {
      // One that is not empty stays for the next session.
      await rmdir(join(this.#parent, name)).catch(() => {})
      OWN_SESSIONS.delete(name)
    }
  }

  async #segment(endpoint: EndpointName): Promise<Segment> {
    const current = this.#current.get(endpoint)
    if (current !== undefined && !current.isFull) return current
    this.#number++
    const path = join(this.#parent, this.#session, `${String(this.#number).padStart(6, '0')}-${endpoint}.ndjson`)
    const file = await open(path, 'ax', 0o600)
    const segment: Segment = { path, endpoint, lines: 0, bytes: 0, settled: 0, isFull: false, file, sent: undefined }
    this.#current.set(endpoint, segment)
    return segment
  }

  async #remove(segment: Segment): Promise<void> {
    if (this.#current.get(segment.endpoint) === segment) this.#current.delete(segment.endpoint)
    await closeFiles(segment)
    // The records first: without them, what was sent of them means nothing.
    await rm(segment.path, { force: true })
    await rm(`${segment.path}.sent`, { force: true })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#work.then(() => guarded(this.#parent, work))
    this.#work = mine.then(
      () => {},
      () => {},
    )
    return mine
  }
}

/** Host and process tell whether the session has ended; the rest makes the name one of its own. */
function sessionName(): string {
  return `${hostname().replace(/[^\w.]+/g, '_')}-${process.pid}-${randomUUID().slice(0, 8)}`
}

async function isAbandoned(directory: string, name: string): Promise<boolean> {
  const found = /^(.+)-(\d+)-[\da-f]{8}$/.exec(name)
  if (found === null || OWN_SESSIONS.has(name)) return false
  const [, host, pid] = found
  if (sessionName().startsWith(`${host}-`)) return Number(pid) === process.pid || !isRunning(Number(pid))
  return Date.now() - (await stat(directory)).mtimeMs > ABANDONED_AFTER_MS
}

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw spoolFailure(from, error)
  }
}

async function sentLines(path: string): Promise<ReadonlySet<number>> {
  const sent = new Set<number>()
  let text: string
  try {
    text = await readFile(`${path}.sent`, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return sent
    throw spoolFailure(path, error)
  }
  for (const [, first, last] of text.matchAll(/^(\d+)-(\d+)$/gm)) {
    for (let line = Number(first); line <= Number(last); line++) sent.add(line)
  }
  return sent
}

/** `first-last`, a line for each run of numbers. */
function rangesOf(lines: readonly number[]): string {
  const sorted = [...lines].sort((one, other) => one - other)
  let text = ''
  let first = sorted[0] ?? 0
  for (const [at, line] of sorted.entries()) {
    const next = sorted[at + 1]
    if (next === line + 1) continue
    text += `${first}-${line}\n`
    first = next ?? 0
  }
  return text
}

async function closeFiles(segment: Segment): Promise<void> {
  await segment.file?.close()
  await segment.sent?.close()
  segment.file = undefined
  segment.sent = undefined
}

async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof MixloadError ? error : spoolFailure(path, error)
  }
}

function spoolFailure(path: string, error: unknown): MixloadError {
  return new MixloadError(
    'SPOOL_FAILED',
    `Cannot keep records in the spool at ${path}: ${messageOf(error)}. Free space there or name another directory.`,
    { cause: error },
  )
}
