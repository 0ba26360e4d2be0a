import { join } from 'node:path'
import { MixloadError } from '../core/errors.ts'
import type { RetryPolicy } from '../core/retry.ts'
import type { DestinationOptions } from '../destination/contract.ts'
import { DESTINATION_RETRIES, type Retries } from '../destination/retries.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import { Engine } from '../engine/engine.ts'
import { type RateLimits, RequestBudget } from '../mixpanel/budget.ts'
import { MixpanelClient } from '../mixpanel/client.ts'
import type { Credentials } from '../mixpanel/credentials.ts'
import { apiHosts } from '../mixpanel/regions.ts'
import type { Budgets } from '../mixpanel/requester.ts'
import { type OnProgress, retryReporter } from '../progress.ts'
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

/** The credentials of the settings. @throws MixloadError CONFIG_INVALID saying what to set. */
export function credentialsOf({ settings, onProgress }: Pick<Session, 'settings' | 'onProgress'>): Credentials {
  const { serviceAccount: user, serviceAccountSecret: secret, apiSecret, projectId } = settings
  if (user !== undefined && secret !== undefined) {
    if (projectId === undefined) {
      const message = 'A service account needs the project id: set MIXPANEL_PROJECT_ID or --project-id.'
      throw new MixloadError('CONFIG_INVALID', message)
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

/** A client of Mixpanel's query and export APIs with these settings. */
export function mixpanelClient(
  session: Pick<Session, 'settings' | 'onProgress'>,
  credentials: Credentials = credentialsOf(session),
): MixpanelClient {
  const { region, apiUrl, projectId, firstByteTimeout, idleTimeout } = session.settings
  return new MixpanelClient({
    hosts: apiHosts(region, apiUrl),
    credentials,
    projectId,
    region,
    firstByteTimeoutMs: firstByteTimeout * 1000,
    idleTimeoutMs: idleTimeout * 1000,
  })
}

/** Shorter waits, such as for the limit per second, are not worth a message. */
const WAIT_SHOWN_MS = 2000

/** The request budgets, shared by all runs on this machine for one project of one server. */
export function createBudgets({ settings, onProgress }: Session): Budgets & AsyncDisposable {
  const { stateDir, region, apiUrl, projectId = 'secret' } = settings
  const hosts = apiHosts(region, apiUrl)
  const budget = (name: string, url: string, limits: RateLimits) =>
    new RequestBudget(join(stateDir, 'budget'), `${name}-${new URL(url).host}-${projectId}`, limits, (ms) => {
      if (ms > WAIT_SHOWN_MS) onProgress({ kind: 'waiting-for-budget', ms })
    })
  const { requestsPerHour, requestsPerSecond, requestsAtOnce, queryRequestsPerHour, queryRequestsAtOnce } = settings
  const data = budget('export', hosts.data, {
    perHour: requestsPerHour,
    perSecond: requestsPerSecond,
    atOnce: requestsAtOnce,
  })
  const app = budget('query', hosts.app, { perHour: queryRequestsPerHour, perSecond: 0, atOnce: queryRequestsAtOnce })
  return {
    data,
    app,
    async [Symbol.asyncDispose]() {
      await data[Symbol.asyncDispose]()
      await app[Symbol.asyncDispose]()
    },
  }
}

/** The engine, the destination and the spool, closed together. */
export interface OpenWarehouse extends AsyncDisposable {
  readonly engine: Engine
  readonly destination: Warehouse
  readonly spool: SpoolDirectory
}

/**
 * The destination of the settings with its engine and spool; opened if `access` is given. `policy`:
 * how long it is waited for.
 */
export async function openWarehouse(
  session: Session,
  access?: 'read' | 'write',
  policy: RetryPolicy = DESTINATION_RETRIES,
): Promise<OpenWarehouse> {
  const { settings, createWarehouse, onProgress, signal } = session
  const opened: AsyncDisposable[] = []
  const close = async () => {
    for (const part of opened.reverse()) await part[Symbol.asyncDispose]()
  }
  try {
    const spool = await SpoolDirectory.create(settings.spoolDir)
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
    const retries = { policy, onRetry: retryReporter(onProgress), signal }
    const destination = await createWarehouse(options, retries)
    opened.push(destination)
    if (access === 'read') await destination.openToRead(signal)
    if (access === 'write') await destination.open(signal)
    return { engine, destination, spool, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}
