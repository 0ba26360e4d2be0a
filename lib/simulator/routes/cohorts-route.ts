import type { Route } from '../http/reply.ts'
import type { Project } from './project.ts'
import { queryRoute } from './query-route.ts'

const CREATED_DEFAULT = '2026-01-01 00:00:00'

/** `POST` and `GET /api/query/cohorts/list`, also under `/api/2.0/`: the list of saved cohorts. */
export function cohortsRoute(project: Project): Route {
  return queryRoute(project, 'cohorts', () =>
    project.cohorts.all().map((cohort) => ({
      count: cohort.count ?? cohort.members.size,
      is_visible: cohort.is_visible ?? 1,
      description: cohort.description ?? '',
      created: cohort.created ?? CREATED_DEFAULT,
      project_id: Number(project.credentials.projectId),
      id: cohort.id,
      name: cohort.name,
      data_group_id: cohort.data_group_id ?? null,
    })),
  )
}
