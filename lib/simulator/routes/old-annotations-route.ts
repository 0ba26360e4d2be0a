import type { Route } from '../http/reply.ts'
import type { Project } from './project.ts'
import { queryRoute } from './query-route.ts'

/** `GET /api/2.0/annotations`: before the app API. It accepts a secret, and has no tags. */
export function oldAnnotationsRoute(project: Project): Route {
  return queryRoute(project, 'old_annotations', ({ from_date = '', to_date = '9999-12-31' }) => ({
    annotations: project.annotations
      .all()
      .filter(({ date }) => date.slice(0, 10) >= from_date && date.slice(0, 10) <= to_date)
      .map(({ id, date, description }) => ({
        id,
        project_id: Number(project.credentials.projectId),
        date,
        description,
      })),
  }))
}
