import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { simulatorApp } from './app.ts'
import type { Credentials } from './auth.ts'
import { projectClock } from './clock.ts'
import { type Fault, FaultQueue } from './faults.ts'
import { IMPORT_BYTES_MAX } from './import-route.ts'
import { Budget } from './limits.ts'
import type { Project } from './project.ts'
import type { RecordedRequest } from './reply.ts'
import { RequestLog } from './request-log.ts'
import { EventStore } from './store.ts'
import { fileBytes, lineBytes, wholeLines } from './whole-lines.ts'

export type { Fault, FaultEffect, FaultMatch, FaultScope } from './faults.ts'
export type { RecordedRequest } from './reply.ts'

export interface SimulatorOptions {
  readonly projectId?: string | undefined
  readonly serviceAccount?: Credentials['serviceAccount'] | undefined
  readonly apiSecret?: string | undefined
  readonly token?: string | undefined
  /** IANA name; UTC when left out. */
  readonly timezone?: string | undefined
  /** A project made before 2023: days and `time` of an export are local. */
  readonly legacyTime?: boolean | undefined
  readonly projectName?: string | undefined
  readonly plan?: 'full' | 'no-export' | undefined
  /** Of each API family; 60 when left out, 0 for no limit. */
  readonly requestsPerHour?: number | undefined
  /** Of exports; 3 when left out, 0 for no limit. */
  readonly requestsPerSecond?: number | undefined
  /** 100 when left out, 0 for no limit. */
  readonly concurrentExports?: number | undefined
  /** Whether a 429 carries `Retry-After`, which Mixpanel does not promise; true when left out. */
  readonly retryAfter?: boolean | undefined
  /** The project's day, `yyyy-mm-dd`; the real one when left out. */
  readonly today?: string | undefined
  /** Any free one when left out. */
  readonly port?: number | undefined
  /** 127.0.0.1 when left out. */
  readonly host?: string | undefined
  /** Where events are kept. When left out, a temporary directory that goes with the simulator. */
  readonly dataDirectory?: string | undefined
  /** NDJSON files to begin with, `.gz` too; their times are true UTC, also for a legacy project. */
  readonly data?: readonly string[] | undefined
  /** The largest body of `POST /import`, unpacked; 2 MiB when left out. */
  readonly importBytesMax?: number | undefined
  /** Fixes the order of export lines. */
  readonly seed?: number | undefined
}

/** The credentials of a simulator that was given none. */
export const DEFAULT_CREDENTIALS: Credentials = {
  projectId: '1000001',
  serviceAccount: { user: 'simulator.local.mp-service-account', secret: 'simulator-service-account-secret' },
  apiSecret: 'simulator-project-secret',
  token: 'simulator-project-token',
}

/** A local Mixpanel project that answers over HTTP. */
export interface Simulator extends AsyncDisposable {
  /** Without a slash at its end; stands for all of Mixpanel's hosts. */
  readonly url: string
  readonly credentials: Credentials
  /** The latest requests, oldest first. */
  readonly requests: readonly RecordedRequest[]
  fault(fault: Fault): void
  clearFaults(): void
  /** Stores events, given as lines or objects, and gives the number stored; see {@link refusedCount} for the rest. */
  ingest(lines: Iterable<string | object> | AsyncIterable<string | object>): Promise<number>
  eventCount(): number
  /** Lines of `data` and {@link ingest} that are no events. */
  refusedCount(): number
  close(): Promise<void>
}

/** Query API requests that may run at once. */
const CONCURRENT_QUERIES = 5

/** Event filters and expressions travel in the URL, and Node's own 16 KB are soon full. */
const HEADER_BYTES_MAX = 256 * 1024

/** Starts a simulator, and loads its data before it answers. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const clock = projectClock({
    timezone: options.timezone ?? 'UTC',
    legacyTime: options.legacyTime ?? false,
    today: options.today,
  })
  const directory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), 'mixload-simulator-')))
  const removeDirectory = async () => {
    if (options.dataDirectory === undefined) await rm(directory, { recursive: true, force: true })
  }
  try {
    const store = await EventStore.open(directory, clock)
    for (const file of options.data ?? []) await store.add(wholeLines(fileBytes(file)))
    const project = projectOf(options, clock, store)
    const faults = new FaultQueue()
    const log = new RequestLog()
    const app = simulatorApp(project, faults, log)
    // Without this the adapter would replace the process's own Request and Response.
    const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false })
    const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, listener)
    const url = await listen(server, options.host ?? '127.0.0.1', options.port ?? 0)
    let closing: Promise<void> | undefined
    const close = () => (closing ??= stop(server).then(removeDirectory))
    return {
      url,
      credentials: project.credentials,
      requests: log.entries,
      fault: (fault) => faults.set(fault),
      clearFaults: () => faults.clear(),
      ingest: async (lines) => (await store.add(wholeLines(lineBytes(lines)))).stored,
      eventCount: () => store.count,
      refusedCount: () => store.refused,
      close,
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await removeDirectory()
    throw error
  }
}

function projectOf(options: SimulatorOptions, clock: Project['clock'], store: EventStore): Project {
  const perHour = options.requestsPerHour ?? 60
  return {
    name: options.projectName ?? 'Simulated project',
    credentials: {
      projectId: options.projectId ?? DEFAULT_CREDENTIALS.projectId,
      serviceAccount: options.serviceAccount ?? DEFAULT_CREDENTIALS.serviceAccount,
      apiSecret: options.apiSecret ?? DEFAULT_CREDENTIALS.apiSecret,
      token: options.token ?? DEFAULT_CREDENTIALS.token,
    },
    clock,
    store,
    plan: options.plan ?? 'full',
    retryAfter: options.retryAfter ?? true,
    exportBudget: new Budget({
      perHour,
      perSecond: options.requestsPerSecond ?? 3,
      concurrent: options.concurrentExports ?? 100,
    }),
    queryBudget: new Budget({ perHour, perSecond: 0, concurrent: CONCURRENT_QUERIES }),
    importBytesMax: options.importBytesMax ?? IMPORT_BYTES_MAX,
    seed: options.seed ?? 1,
  }
}

async function listen(server: Server, host: string, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('the server has no port')
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
}
