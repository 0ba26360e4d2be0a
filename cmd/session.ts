import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import envPaths from 'env-paths'
import { createDestination } from '../destinations/index.ts'
import { ColumnRegistry } from '../lib/columns/registry.ts'
import type { Destination } from '../lib/destination.ts'
import { Engine } from '../lib/engine.ts'
import { MixloadError } from '../lib/errors.ts'
import type { Tell } from '../lib/events.ts'
import { Extractor } from '../lib/extract.ts'
import { FileExtractor } from '../lib/file-extract.ts'
import { Loader } from '../lib/load.ts'
import { RequestBudget } from '../lib/mixpanel/budget.ts'
import { type Credentials, MixpanelClient } from '../lib/mixpanel/client.ts'
import { apiHosts } from '../lib/mixpanel/regions.ts'
import { DESTINATION_RETRIES, patientDestination } from '../lib/patient-destination.ts'
import { DEFAULT_RETRIES } from '../lib/retry.ts'
import { type RunSummary, runSlices } from '../lib/run.ts'
import type { Settings } from '../lib/settings.ts'
import { loadsLeft, type Slice } from '../lib/slices.ts'
import { SpoolDirectory } from '../lib/spool.ts'
import { exportColumnRules, exportColumns } from '../lib/streams/export.ts'

/**
 * The credentials that the settings give.
 * @throws MixloadError CONFIG_INVALID saying which variables to set.
 */
export function credentialsOf(settings: Settings, tell: Tell): Credentials {
  const { serviceAccount: user, serviceAccountSecret: secret, apiSecret, projectId } = settings
  if (user !== undefined && secret !== undefined) {
    if (projectId === undefined) {
      throw new MixloadError(
        'CONFIG_INVALID',
        'A service account needs the project id: set MIXPANEL_PROJECT_ID or --project-id.',
      )
    }
    return { kind: 'service-account', user, secret }
  }
  if (user !== undefined || secret !== undefined) {
    const missing = user === undefined ? 'MIXPANEL_SERVICE_ACCOUNT' : 'MIXPANEL_SERVICE_ACCOUNT_SECRET'
    throw new MixloadError('CONFIG_INVALID', `${missing} is missing: a service account has a user name and a secret.`)
  }
  if (apiSecret === undefined) {
    throw new MixloadError(
      'CONFIG_INVALID',
      'No credentials. Set MIXPANEL_SERVICE_ACCOUNT, MIXPANEL_SERVICE_ACCOUNT_SECRET and MIXPANEL_PROJECT_ID ' +
        '(Mixpanel: Settings, Project settings, Service accounts), or put them into mixload.yaml.',
    )
  }
  tell({
    kind: 'warning',
    message:
      'Project secrets end on 3 March 2027. Make a service account and set MIXPANEL_SERVICE_ACCOUNT before then.',
  })
  return { kind: 'project-secret', secret: apiSecret }
}

export function createClient(settings: Settings, tell: Tell): MixpanelClient {
  return new MixpanelClient({
    hosts: apiHosts(settings.region, settings.apiUrl),
    credentials: credentialsOf(settings, tell),
    projectId: settings.projectId,
    firstByteTimeoutMs: settings.firstByteTimeout * 1000,
    idleTimeoutMs: settings.idleTimeout * 1000,
  })
}

/** The budget of export requests, shared by all runs on this machine for one project of one server. */
export function exportBudget(settings: Settings, tell: Tell): RequestBudget {
  const { host } = new URL(apiHosts(settings.region, settings.apiUrl).data)
  return new RequestBudget(
    join(settings.stateDir ?? envPaths('mixload', { suffix: '' }).log, 'budget'),
    `export-${host}-${settings.projectId ?? 'secret'}`,
    { perHour: settings.requestsPerHour, perSecond: settings.requestsPerSecond },
    (ms) => {
      if (ms > 1000) tell({ kind: 'waiting-for-budget', ms })
    },
  )
}

/** The engine and the destination on it, closed together. */
export interface Warehouse extends AsyncDisposable {
  readonly engine: Engine
  readonly destination: Destination
  readonly spool: SpoolDirectory
}

export async function openWarehouse(settings: Settings, tell: Tell, signal: AbortSignal): Promise<Warehouse> {
  const opened: AsyncDisposable[] = []
  const close = async () => {
    for (const part of opened.reverse()) await part[Symbol.asyncDispose]()
  }
  try {
    const spool = await SpoolDirectory.create(settings.spoolDir ?? join(tmpdir(), 'mixload'))
    opened.push(spool)
    const temporaryDirectory = join(spool.path, 'engine')
    const engine = await Engine.create({ memoryLimit: settings.memoryLimit, temporaryDirectory })
    opened.push(engine)
    const made = await createDestination({
      url: settings.destination,
      schema: settings.schema,
      bigqueryEndpoint: settings.bigqueryEndpoint,
      engine,
      workDirectory: spool.path,
      warn: (message) => tell({ kind: 'warning', message }),
    })
    opened.push(made)
    const destination = patientDestination(made, { policy: DESTINATION_RETRIES, tell, signal })
    return { engine, destination, spool, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

/** What loads into the table `export` of an open destination, and the columns it has and gets. */
async function openExport(
  settings: Settings,
  { destination, engine, spool }: Warehouse,
  zone: string | undefined,
  tell: Tell,
): Promise<{ readonly registry: ColumnRegistry; readonly loader: Loader }> {
  const there = await destination.columns('export')
  const fixed = exportColumns(settings.legacyTime).filter(({ name }) => !there.some((column) => column.name === name))
  const rules = exportColumnRules(settings)
  const columnsMax = Math.min(rules.columnsMax, destination.supports.columnsMax)
  const registry = new ColumnRegistry([...there, ...fixed], { ...rules, columnsMax })
  const localZone = settings.legacyTime ? zone : undefined
  const { write } = settings
  const loader = new Loader({ destination, engine, spool, registry, table: 'export', write, localZone, tell }, there)
  await loader.putViews()
  return { registry, loader }
}

export interface ExportRun {
  readonly settings: Settings
  readonly warehouse: Warehouse
  readonly client: MixpanelClient
  readonly zone: string
  readonly slices: readonly Slice[]
  readonly tell: Tell
}

/** Downloads and loads slices of the export into an open destination. */
export async function runExport(run: ExportRun, signal: AbortSignal): Promise<RunSummary> {
  const { settings, warehouse, client, zone, slices, tell } = run
  const { destination, spool } = warehouse
  const { registry, loader } = await openExport(settings, warehouse, zone, tell)
  const extractor = new Extractor({
    client,
    budget: exportBudget(settings, tell),
    retry: DEFAULT_RETRIES,
    spool,
    registry,
    events: settings.events,
    valuesPerRowMax: destination.supports.valuesPerRowMax,
    tell,
  })
  return runSlices(slices, extractor, loader, tell, signal)
}

export interface FileRun {
  readonly settings: Settings
  readonly warehouse: Warehouse
  readonly files: readonly string[]
  readonly standardInput: () => Readable
  readonly tell: Tell
}

/** Loads files of events into an open destination, each in one commit. */
export async function runFiles(run: FileRun, signal: AbortSignal): Promise<RunSummary> {
  const { settings, warehouse, files, standardInput, tell } = run
  const { destination, spool } = warehouse
  const { registry, loader } = await openExport(settings, warehouse, settings.timezone, tell)
  const { loadsPerDayMax, daysPerLoadMax, valuesPerRowMax } = destination.supports
  const ledger = await destination.ledger('export')
  const loadsMax = loadsLeft(ledger, loadsPerDayMax, Date.now())
  const limits = { loadsMax, daysPerLoadMax, valuesPerRowMax }
  const source = new FileExtractor({ stream: 'export', spool, registry, ledger, ...limits, standardInput, tell })
  const slices = files.map((file) => ({ file }))
  return runSlices(slices, source, loader, tell, signal)
}
