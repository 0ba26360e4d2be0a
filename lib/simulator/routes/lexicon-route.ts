import type { Route } from '../http/reply.ts'
import { appRoute } from './app-route.ts'
import type { Project } from './project.ts'

/** `GET /api/app/projects/{id}/schemas` and `…/schemas/{type}`, without pages. */
export function lexiconRoute(project: Project): Route {
  return appRoute(project, 'lexicon', (context) => {
    const type = context.req.param('type')
    return { results: project.lexicon.filter(({ entityType }) => type === undefined || entityType === type) }
  })
}
