import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, rmdir, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { makePrivateDirectory } from '../core/directories.ts'
import { MixloadError, messageOf } from '../core/errors.ts'
import { isRunning } from '../core/process-alive.ts'
import { ENDPOINTS, type EndpointName } from './endpoints.ts'

/** The size of a full file. Files whose records were all sent are deleted. */
const SEGMENT_BYTES = 8 * 1024 * 1024

/** A session on another machine has ended if its directory was not touched for this long. */
const ABANDONED_AFTER_MS = 60_000
const TOUCH_EVERY_MS = 15_000

/** Sessions of this process. An earlier process may have had the same process id. */
const OWN_SESSIONS = new Set<string>()

export interface SpoolPosition {
  readonly segment: Segment
  readonly line: number
}

/** The ending of the file with the numbers of sent lines. */
const SENT = '.sent'

/** A file of records for one endpoint, and beside it a file of the numbers of its sent lines. */
interface Segment {
  readonly path: string
  readonly endpoint: EndpointName
  lines: number
  bytes: number
  /** How many lines need not be sent again. */
  done: number
  /** No further records are appended. */
  isFull: boolean
  file: FileHandle | undefined
  sent: FileHandle | undefined
}

const EMPTY = { lines: 0, bytes: 0, done: 0, isFull: false, file: undefined, sent: undefined }

export interface SpooledRecord {
  readonly endpoint: EndpointName
  readonly json: string
  readonly position: SpoolPosition
}

/**
 * Keeps records on disk until Mixpanel has accepted or rejected them. Each session has a directory
 * of its own. If its process has ended, exactly one later session takes over the whole directory.
 * Records survive a killed process. They are not synced, so a power failure can lose the last ones.
 */
export class DeliverySpool {
  readonly #parent: string
  /** The name of this session's directory, and of the directories that it has taken over. */
  readonly #session: string
  readonly #directories: string[] = []
  readonly #current = new Map<EndpointName, Segment>()
  #number = 0
  #work: Promise<unknown> = Promise.resolve()
  #touch: NodeJS.Timeout | undefined

  private constructor(parent: string) {
    this.#parent = parent
    this.#session = sessionName()
  }

  static async open(parent: string): Promise<DeliverySpool> {
    const spool = new DeliverySpool(parent)
    spool.#own(spool.#session)
    try {
      await makePrivateDirectory(parent, 'the spool')
      await mkdir(join(parent, spool.#session), { mode: 0o700 })
    } catch (error) {
      throw spoolError(parent, error)
    }
    spool.#touch = setInterval(() => {
      const now = new Date()
      for (const name of spool.#directories) utimes(join(parent, name), now, now).catch(() => {})
    }, TOUCH_EVERY_MS)
    spool.#touch.unref()
    return spool
  }

  /** Takes over the records that earlier sessions left, oldest first within each session. */
  async *recover(): AsyncGenerator<SpooledRecord> {
    try {
      yield* this.#left()
    } catch (error) {
      throw spoolError(this.#parent, error)
    }
  }

  async *#left(): AsyncGenerator<SpooledRecord> {
    for (const name of (await readdir(this.#parent)).sort()) {
      const directory = join(this.#parent, name)
      if (name === this.#session || !(await isAbandoned(directory, name))) continue
      const claimedName = sessionName()
      this.#own(claimedName)
      const claimed = join(this.#parent, claimedName)
      // If two sessions start at the same time, only one of them can rename the directory.
      const isOurs = await unlessMissing(
        rename(directory, claimed).then(() => true),
        false,
      )
      if (!isOurs) continue
      const files = (await readdir(claimed)).sort()
      for (const file of files) {
        // A process that was killed while it deleted the two files leaves the second one.
        if (file.endsWith(SENT) && !files.includes(file.slice(0, -SENT.length))) await rm(join(claimed, file))
        else yield* this.#recoverFile(join(claimed, file), file)
      }
    }
  }

  #own(name: string): void {
    OWN_SESSIONS.add(name)
    this.#directories.push(name)
  }

  async *#recoverFile(path: string, file: string): AsyncGenerator<SpooledRecord> {
    const endpoint = /^\d+-([a-z]+)\.ndjson$/.exec(file)?.[1] as EndpointName | undefined
    if (endpoint === undefined || !Object.hasOwn(ENDPOINTS, endpoint)) return
    const text = await readFile(path, 'utf8')
    // A line that a killed process left incomplete was never reported as kept.
    const lines = text.split('\n').slice(0, -1)
    const sent = await sentLines(path)
    const left = lines.flatMap((json, line) => (sent.has(line) ? [] : [{ json, line }]))
    const done = lines.length - left.length
    const segment: Segment = { ...EMPTY, path, endpoint, lines: lines.length, done, isFull: true }
    if (left.length === 0) await this.#remove(segment)
    for (const { json, line } of left) yield { endpoint, json, position: { segment, line } }
  }

  /** Writes records, and returns their positions once they would survive a killed process. */
  append(endpoint: EndpointName, records: readonly string[]): Promise<readonly SpoolPosition[]> {
    return this.#serialized(async () => {
      const segment = await this.#segment(endpoint)
      const bytes = Buffer.from(`${records.join('\n')}\n`)
      try {
        await segment.file?.appendFile(bytes)
      } catch (error) {
        // The call fails, so what was written of its records must not be sent.
        segment.isFull = true
        // Truncating needs no disk space. If it fails as well, recovery skips the incomplete line.
        await segment.file?.truncate(segment.bytes).catch(() => {})
        if (segment.done === segment.lines) await this.#remove(segment)
        throw error
      }
      const first = segment.lines
      segment.lines += records.length
      segment.bytes += bytes.length
      if (segment.bytes >= SEGMENT_BYTES) segment.isFull = true
      return records.map((_, index) => ({ segment, line: first + index }))
    })
  }

  markDone(positions: readonly SpoolPosition[]): Promise<void> {
    return this.#serialized(async () => {
      const bySegment = Map.groupBy(positions, ({ segment }) => segment)
      for (const [segment, ofSegment] of bySegment) {
        segment.done += ofSegment.length
        if (segment.done === segment.lines) await this.#remove(segment)
        else {
          segment.sent ??= await open(segment.path + SENT, 'a', 0o600)
          await segment.sent.appendFile(ofSegment.map(({ line }) => `${line}\n`).join(''))
        }
      }
    })
  }

  /** Ends the session. Records that are not done stay for the next session. */
  async close(): Promise<void> {
    clearInterval(this.#touch)
    await this.#serialized(async () => {
      for (const segment of this.#current.values()) await closeFiles(segment)
    })
    for (const name of this.#directories) {
      // A directory that is not empty stays for the next session.
      await rmdir(join(this.#parent, name)).catch(() => {})
      OWN_SESSIONS.delete(name)
    }
  }

  async #segment(endpoint: EndpointName): Promise<Segment> {
    const current = this.#current.get(endpoint)
    if (current !== undefined && !current.isFull) return current
    const path = join(this.#parent, this.#session, `${String(++this.#number).padStart(6, '0')}-${endpoint}.ndjson`)
    const file = await open(path, 'ax', 0o600)
    const segment: Segment = { ...EMPTY, path, endpoint, file }
    this.#current.set(endpoint, segment)
    return segment
  }

  async #remove(segment: Segment): Promise<void> {
    if (this.#current.get(segment.endpoint) === segment) this.#current.delete(segment.endpoint)
    await closeFiles(segment)
    // The records first: if only `.sent` were deleted, they would be sent again.
    await rm(segment.path, { force: true })
    await rm(segment.path + SENT, { force: true })
  }

  #serialized<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#work.then(work).catch((error: unknown) => {
      throw spoolError(this.#parent, error)
    })
    this.#work = result.catch(() => {})
    return result
  }
}

/** Host and process id show whether the session has ended; the rest makes the name unique. */
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

/** Returns the lines that need not be sent again. An incomplete last number is ignored. */
async function sentLines(path: string): Promise<ReadonlySet<number>> {
  const text = await unlessMissing(readFile(path + SENT, 'utf8'), '')
  return new Set(text.split('\n').slice(0, -1).map(Number))
}

/** Returns the result of a call, or `fallback` if its file does not exist. */
function unlessMissing<T>(call: Promise<T>, fallback: T): Promise<T> {
  return call.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return fallback
    throw error
  })
}

async function closeFiles(segment: Segment): Promise<void> {
  await segment.file?.close()
  await segment.sent?.close()
  segment.file = undefined
  segment.sent = undefined
}

function spoolError(path: string, error: unknown): MixloadError {
  if (error instanceof MixloadError) return error
  return new MixloadError(
    'SPOOL_FAILED',
    `Cannot write to the spool at ${path}: ${messageOf(error)}. Free disk space or use another directory.`,
    { cause: error },
  )
}
