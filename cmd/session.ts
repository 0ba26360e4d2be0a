import { tmpdir } from 'node:os'
import { join } from 'node:path'
import envPaths from 'env-paths'
import { createWarehouse } from '../destinations/index.ts'
import { MixloadError } from '../lib/core/errors.ts'
import type { Destination } from '../lib/destination/contract.ts'
import { DESTINATION_RETRIES } from '../lib/destination/retries.ts'
import { Engine } from '../lib/engine/engine.ts'
import { type RateLimits, RequestBudget } from '../lib/mixpanel/budget.ts'
import { type Credentials, MixpanelClient } from '../lib/mixpanel/client.ts'
import { type ApiHosts, apiHosts } from '../lib/mixpanel/regions.ts'
import type { Tell } from '../lib/progress.ts'
import type { Settings } from '../lib/settings.ts'
import { SpoolDirectory } from '../lib/spool/spool.ts'

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

/** A client for the region, the credentials and the patience of the settings. */
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
  const { requestsPerHour: perHour, requestsPerSecond: perSecond } = settings
  return sharedBudget(settings, 'data', 'export', { perHour, perSecond }, tell)
}

/** The budget of all other requests, shared in the same way. */
export function queryBudget(settings: Settings, tell: Tell): RequestBudget {
  const { queryRequestsPerHour: perHour, queryRequestsAtOnce: atOnce } = settings
  return sharedBudget(settings, 'app', 'query', { perHour, perSecond: 0, atOnce }, tell)
}

function sharedBudget(
  settings: Settings,
  family: keyof ApiHosts,
  name: string,
  limits: RateLimits,
  tell: Tell,
): RequestBudget {
  const { host } = new URL(apiHosts(settings.region, settings.apiUrl)[family])
  return new RequestBudget(
    join(settings.stateDir ?? envPaths('mixload', { suffix: '' }).log, 'budget'),
    `${name}-${host}-${settings.projectId ?? 'secret'}`,
    limits,
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

/** The destination of the settings, not opened yet, with the engine and the spool that it needs; disposed together. */
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
    const destination = await createWarehouse(
      {
        url: settings.destination,
        schema: settings.schema,
        bigqueryEndpoint: settings.bigqueryEndpoint,
        engine,
        workDirectory: spool.path,
        warn: (message) => tell({ kind: 'warning', message }),
      },
      {
        policy: DESTINATION_RETRIES,
        onRetry: (error, delayMs) => tell({ kind: 'retry', error, delayMs }),
        signal,
      },
    )
    opened.push(destination)
    return { engine, destination, spool, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}
