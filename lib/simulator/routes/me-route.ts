import { callerOf } from '../http/auth.ts'
import { jsonReply, type Route } from '../http/reply.ts'
import type { Project } from './project.ts'

/** `GET /api/app/me`: what a service account can access. Undocumented but widely used. */
export function meRoute(project: Project): Route {
  return (context) => {
    const { credentials, clock, name } = project
    const { user } = credentials.serviceAccount
    if (callerOf(context.req.header('authorization'), credentials) !== 'service-account') {
      return jsonReply(401, { status: 'error', error: 'Invalid service account credentials' })
    }
    const { timezone } = clock
    const organization = { id: 1, name: 'Simulated organization', role: 'admin' }
    const described = {
      name,
      organization_id: 1,
      timezone,
      has_workspaces: true,
      domain: 'mixpanel.com',
      type: 'PROJECT',
    }
    const project_id = Number(credentials.projectId)
    const workspace = { id: 10, name: 'All Project Data', project_id, is_default: true, is_global: true }
    const results = {
      user_id: 1,
      user_email: user,
      user_name: user.split('.')[0],
      organizations: { 1: organization },
      projects: { [credentials.projectId]: described },
      workspaces: { 10: workspace },
    }
    return jsonReply(200, { status: 'ok', results })
  }
}
