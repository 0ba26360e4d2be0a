import { annotationsBetween } from '../stores/saved-objects.ts'
import type { Query } from './query.ts'

const CREATED_DEFAULT = '2026-01-01 00:00:00'
const NAMES_DEFAULT = 255
const PROPERTIES_DEFAULT = 2000

/** `/api/query/cohorts/list`: the saved cohorts. */
export const cohortList: Query = {
  feature: 'cohorts',
  answer: ({ project }) =>
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
}

/** `/api/query/funnels/list`: the saved funnels. */
export const funnelList: Query = {
  feature: 'funnels',
  answer: ({ project }) => project.funnels.all().map(({ id, name }) => ({ funnel_id: id, name })),
}

/** `/api/query/events/names`: the names of the stored events, most frequent first. */
export const eventNames: Query = {
  feature: 'counts',
  answer(request) {
    const limit = request.count('limit') ?? NAMES_DEFAULT
    const names = [...request.project.store.names].sort(([, a], [, b]) => b - a).map(([name]) => name)
    return names.slice(0, limit)
  },
}

/** `/api/query/engage/properties`: the properties of profiles, with count and type. */
export const profileProperties: Query = {
  feature: 'engage',
  answer(request) {
    const { profiles } = request.project
    const limit = request.count('limit') ?? PROPERTIES_DEFAULT
    const found = new Map<string, { count: number; readonly type: string }>()
    for (const id of profiles.ids()) {
      for (const [name, value] of Object.entries(profiles.get(id) ?? {})) {
        const known = found.get(name)
        if (known === undefined) found.set(name, { count: 1, type: typeOf(value) })
        else known.count++
      }
    }
    const mostFrequent = [...found].sort(([, a], [, b]) => b.count - a.count).slice(0, limit)
    return { status: 'ok', results: Object.fromEntries(mostFrequent) }
  },
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'string') return /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}/.test(value) ? 'datetime' : 'string'
  return value === null ? 'string' : typeof value
}

/** `/api/2.0/annotations`: before the app API. It accepts a secret, and has no tags. */
export const oldAnnotations: Query = {
  feature: 'old_annotations',
  answer: ({ project, parameters: { from_date, to_date } }) => ({
    annotations: annotationsBetween(project.annotations, from_date, to_date).map(({ tags: _, ...annotation }) => ({
      ...annotation,
      project_id: Number(project.credentials.projectId),
    })),
  }),
}
