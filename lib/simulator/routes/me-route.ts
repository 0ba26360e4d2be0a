import { callerOf } from '../http/auth.ts'
import { jsonReply, type Reply, type SimulatorContext } from '../http/reply.ts'
import type { Project } from './project.ts'

const ORGANIZATION_ID = 1
const WORKSPACE_ID = 10

/** `GET /api/app/me`: what a service account can access, with the project's time zone. Undocumented but widely used. */
export function meRoute(project: Project): (context: SimulatorContext) => Reply {
  return (context) => {
    const { credentials, clock, name } = project
    const { user } = credentials.serviceAccount
    if (callerOf(context.req.header('authorization'), credentials) !== 'service-account') {
      return jsonReply(401, { status: 'error', error: 'Invalid service account credentials' })
    }
    const organization = { id: ORGANIZATION_ID, name: 'Simulated organization', role: 'admin' }
    const workspace = {
      id: WORKSPACE_ID,
      name: 'All Project Data',
      project_id: Number(credentials.projectId),
      is_default: true,
      is_global: true,
    }
    const results = {
      user_id: 1,
      user_email: user,
      user_name: user.split('.')[0],
      organizations: { [ORGANIZATION_ID]: organization },
      projects: {
        [credentials.projectId]: {
          name,
          organization_id: ORGANIZATION_ID,
          timezone: clock.timezone,
          has_workspaces: true,
          domain: 'mixpanel.com',
          type: 'PROJECT',
        },
      },
      workspaces: { [WORKSPACE_ID]: workspace },
    }
    return jsonReply(200, { status: 'ok', results })
  }
}
