import { MixloadError } from '../core/errors.ts'
import type { Credentials } from '../mixpanel/credentials.ts'
import { REGIONS, type Region } from '../mixpanel/regions.ts'
import { askProjects, type ProjectInfo } from '../run/project.ts'
import { mixpanelClient, type Session } from '../run/session.ts'

/** The projects of a service account, and the region that knows it. */
export interface FoundProjects {
  readonly region: Region
  /** By their ids; at least one. */
  readonly projects: ReadonlyMap<string, ProjectInfo>
}

/**
 * Asks one region after the other which projects a service account sees, beginning with that of the
 * settings. The first one that shows some counts. A URL of its own has no regions.
 * @throws MixloadError the refusal of the first region; NOT_FOUND if the account sees no project.
 */
export async function findProjects(
  { settings, signal }: Pick<Session, 'settings' | 'signal'>,
  user: string,
  secret: string,
): Promise<FoundProjects> {
  const credentials: Credentials = { kind: 'service-account', user, secret }
  const others = settings.apiUrl === undefined ? REGIONS.filter((region) => region !== settings.region) : []
  const refusals: MixloadError[] = []
  for (const region of [settings.region, ...others]) {
    // The list is that of the account. A project would only be refused where it is not.
    const here = { ...settings, region, projectId: undefined }
    await using client = mixpanelClient({ settings: here, onProgress: () => {} }, credentials)
    try {
      const projects = await askProjects(client, signal)
      if (projects.size > 0) return { region, projects }
    } catch (error) {
      if (!(error instanceof MixloadError) || signal.aborted) throw error
      refusals.push(error)
    }
  }
  const [refusal] = refusals
  // A region that accepts the account says more than those that do not know it.
  if (refusal !== undefined && refusals.length > others.length) throw refusal
  throw new MixloadError(
    'NOT_FOUND',
    'The service account is accepted, but it sees no project. Give it access: Mixpanel, Project settings, Service accounts.',
  )
}
