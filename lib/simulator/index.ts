import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { simulatorApp } from './app.ts'
import { type Fault, FaultQueue } from './faults/faults.ts'
import { type RecordedRequest, RequestLog } from './http/request-log.ts'
import { createProject, type Project } from './routes/project.ts'
import { readFileBytes, toLineBlocks, toLineBytes } from './stores/line-blocks.ts'
import type {
  LexiconEntry,
  PlanFeature,
  PlanRefusal,
  SimulatorCredentials,
  SimulatorOptions,
} from './stores/options.ts'
import type { ProfileStore } from './stores/profile-store.ts'
import type { AnnotationStore, CohortStore, FunnelStore, RevenueStore } from './stores/saved-objects.ts'

export * from '../core/public-errors.ts'
export type { Fault, FaultEffect, FaultMatch, FaultScope } from './faults/faults.ts'
export type { RecordedRequest } from './http/request-log.ts'
export type { IdentityMode } from './stores/identity.ts'
export * from './stores/options.ts'
export { applyOperation, PROFILE_OPERATIONS, type ProfileOperation } from './stores/profile-operations.ts'
export type { ProfileProperties, ProfileStore } from './stores/profile-store.ts'
export type {
  Annotation,
  AnnotationInput,
  AnnotationStore,
  AnnotationTag,
  Cohort,
  CohortInput,
  CohortStore,
  Funnel,
  FunnelInput,
  FunnelStep,
  FunnelStore,
  IdStore,
  RevenueFigures,
  RevenueStore,
  StepFigures,
} from './stores/saved-objects.ts'

/** A local Mixpanel project with an HTTP API. */
export interface Simulator extends AsyncDisposable {
  /** The URL to use instead of all of Mixpanel's hosts, without a trailing slash. */
  readonly url: string
  readonly credentials: SimulatorCredentials
  /** The latest requests, oldest first. */
  readonly requests: readonly RecordedRequest[]
  /** Sets a fault for the next matching requests. */
  fault(fault: Fault): void
  clearFaults(): void
  /** Stores events, given as lines or objects, and returns how many were stored. */
  ingest(lines: Iterable<string | object> | AsyncIterable<string | object>): Promise<number>
  eventCount(): number
  /** The number of lines of `data` and {@link ingest} that are not valid events. */
  rejectedCount(): number
  /** The user profiles. Changes apply to the next response. */
  readonly profiles: ProfileStore
  /** Returns the profiles of a group key, by its `data_group_id`. */
  groupProfiles(dataGroupId: string): ProfileStore
  readonly cohorts: CohortStore
  readonly annotations: AnnotationStore
  readonly funnels: FunnelStore
  /** The Lexicon. Changes apply to the next response. */
  readonly lexicon: LexiconEntry[]
  /** Days with fixed revenue. Other days are computed from the profiles' `$transactions`. */
  readonly revenue: RevenueStore
  /** Ends every Engage session: the next page of each is rejected. */
  forgetSessions(): void
  /** Removes a feature from the plan; with undefined, adds it again. */
  refuse(feature: PlanFeature, refusal: PlanRefusal | undefined): void
  /** Calls a listener before each response, for example to change something between two pages. */
  onRequest(listener: (request: RecordedRequest) => void): void
  close(): Promise<void>
}

/** Event filters and expressions can make the URL longer than Node's default of 16 KB. */
const HEADER_BYTES_MAX = 256 * 1024

/** Starts a simulator. Resolves when its data is loaded. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const directory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), 'mixload-simulator-')))
  const removeDirectory = async () => {
    if (options.dataDirectory === undefined) await rm(directory, { recursive: true, force: true })
  }
  try {
    const project = await createProject(options, directory)
    await loadFiles(project, options)
    const faults = new FaultQueue()
    const log = new RequestLog()
    const app = simulatorApp(project, faults, log)
    // Otherwise the adapter replaces the global Request and Response.
    const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false })
    const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, listener)
    const url = await listen(server, options.host ?? '127.0.0.1', options.port ?? 0)
    let closing: Promise<void> | undefined
    const close = () => (closing ??= stop(server).then(removeDirectory))
    const { credentials, store, profiles, groupProfiles, cohorts, annotations, funnels, lexicon, revenue } = project
    return {
      url,
      credentials,
      requests: log.entries,
      fault: (fault) => faults.set(fault),
      clearFaults: () => faults.clear(),
      ingest: async (lines) => (await store.add(toLineBytes(lines))).stored,
      eventCount: () => store.count,
      rejectedCount: () => store.rejected,
      profiles,
      groupProfiles,
      cohorts,
      annotations,
      funnels,
      lexicon,
      revenue,
      forgetSessions: () => project.sessions.clear(),
      refuse: (feature, refusal) => {
        const { [feature]: _, ...others } = project.plan
        project.plan = refusal === undefined ? others : { ...others, [feature]: refusal }
      },
      onRequest: (listener) => log.onRequest(listener),
      close,
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await removeDirectory()
    throw error
  }
}

async function loadFiles(project: Project, options: SimulatorOptions): Promise<void> {
  for (const file of options.data ?? []) await project.store.add(toLineBlocks(readFileBytes(file)))
  for (const name of ['profiles', 'cohorts', 'annotations', 'funnels'] as const) {
    for (const file of options[name] ?? []) await project[name].loadFile(file)
  }
  for (const [dataGroupId, files] of Object.entries(options.groupProfiles ?? {})) {
    for (const file of files) await project.groupProfiles(dataGroupId).loadFile(file)
  }
}

async function listen(server: Server, host: string, port: number): Promise<string> {
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('the server has no port')
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`
}

async function stop(server: Server): Promise<void> {
  const closed = server[Symbol.asyncDispose]()
  server.closeAllConnections()
  await closed
}
