import { tmpdir } from 'node:os'
import { join } from 'node:path'
import envPaths from 'env-paths'
import { MixloadError } from '../core/errors.ts'
import type { DestinationOptions } from '../destination/contract.ts'
import { DESTINATION_RETRIES, type Retries } from '../destination/retries.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import { Engine } from '../engine/engine.ts'
import { type RateLimits, RequestBudget } from '../mixpanel/budget.ts'
import { type Credentials, MixpanelClient } from '../mixpanel/client.ts'
import { type ApiHosts, apiHosts } from '../mixpanel/regions.ts'
import type { Budgets } from '../mixpanel/requester.ts'
import type { OnProgress } from '../progress.ts'
import type { Settings } from '../settings.ts'
import { SpoolDirectory } from '../spool/spool.ts'

/** What every function of the product works with. */
export interface Session {
  readonly settings: Settings
  /** Makes the warehouse that a URL names. */
  readonly createWarehouse: (options: DestinationOptions, retries: Retries) => Promise<Warehouse>
  readonly onProgress: OnProgress
  /** Ends the work when it is aborted. What is committed stays. */
  readonly signal: AbortSignal
}

/**
 * The credentials that the settings give.
 * @throws MixloadError CONFIG_INVALID saying which variables to set.
 */
export function credentialsOf(settings: Settings, onProgress: OnProgress): Credentials {
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
  onProgress({
    kind: 'warning',
    message:
      'Project secrets end on 3 March 2027. Make a service account and set MIXPANEL_SERVICE_ACCOUNT before then.',
  })
  return { kind: 'project-secret', secret: apiSecret }
}

/** A client for the region, the credentials and the patience of the settings. */
export function createClient(settings: Settings, onProgress: OnProgress): MixpanelClient {
  return new MixpanelClient({
    hosts: apiHosts(settings.region, settings.apiUrl),
    credentials: credentialsOf(settings, onProgress),
    projectId: settings.projectId,
    firstByteTimeoutMs: settings.firstByteTimeout * 1000,
    idleTimeoutMs: settings.idleTimeout * 1000,
  })
}

/**
 * The request budget of each family of the API, shared by all runs on this machine for one project
 * of one server.
 */
export function createBudgets(settings: Settings, onProgress: OnProgress): Budgets & AsyncDisposable {
  const { requestsPerHour, requestsPerSecond, queryRequestsPerHour, queryRequestsAtOnce } = settings
  const data = { perHour: requestsPerHour, perSecond: requestsPerSecond }
  const app = { perHour: queryRequestsPerHour, perSecond: 0, atOnce: queryRequestsAtOnce }
  const budgets = {
    data: sharedBudget(settings, 'data', 'export', data, onProgress),
    app: sharedBudget(settings, 'app', 'query', app, onProgress),
  }
  return {
    ...budgets,
    async [Symbol.asyncDispose]() {
      for (const budget of Object.values(budgets)) await budget[Symbol.asyncDispose]()
    },
  }
}

function sharedBudget(
  settings: Settings,
  family: keyof ApiHosts,
  name: string,
  limits: RateLimits,
  onProgress: OnProgress,
): RequestBudget {
  const { host } = new URL(apiHosts(settings.region, settings.apiUrl)[family])
  return new RequestBudget(
    join(settings.stateDir ?? envPaths('mixload', { suffix: '' }).log, 'budget'),
    `${name}-${host}-${settings.projectId ?? 'secret'}`,
    limits,
    (ms) => {
      if (ms > 1000) onProgress({ kind: 'waiting-for-budget', ms })
    },
  )
}

/** The engine and the destination on it, closed together. */
export interface OpenWarehouse extends AsyncDisposable {
  readonly engine: Engine
  readonly destination: Warehouse
  readonly spool: SpoolDirectory
}

/**
 * The destination of the settings, not opened yet, with the engine and the spool that it needs;
 * disposed together.
 */
export async function openWarehouse(session: Session): Promise<OpenWarehouse> {
  const { settings, createWarehouse, onProgress, signal } = session
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
    const options = {
      url: settings.destination,
      schema: settings.schema,
      bigqueryEndpoint: settings.bigqueryEndpoint,
      engine,
      workDirectory: spool.path,
      warn: (message: string) => onProgress({ kind: 'warning', message }),
    }
    const onRetry: Retries['onRetry'] = (error, delayMs) => onProgress({ kind: 'retry', error, delayMs })
    const destination = await createWarehouse(options, { policy: DESTINATION_RETRIES, onRetry, signal })
    opened.push(destination)
    return { engine, destination, spool, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}
