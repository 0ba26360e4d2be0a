import type { Route } from '../http/reply.ts'
import type { Project } from './project.ts'
import { countParameter, queryRoute } from './query-route.ts'

const LIMIT_DEFAULT = 2000

/** `GET /api/2.0/engage/properties`: the properties of profiles, with count and type. */
export function engagePropertiesRoute(project: Project): Route {
  return queryRoute(project, 'engage', (parameters) => {
    const limit = countParameter(parameters, 'limit', 0, Number.MAX_SAFE_INTEGER) ?? LIMIT_DEFAULT
    const found = new Map<string, { count: number; readonly type: string }>()
    for (const id of project.profiles.ids()) {
      for (const [name, value] of Object.entries(project.profiles.get(id) ?? {})) {
        const known = found.get(name)
        if (known === undefined) found.set(name, { count: 1, type: typeOf(value) })
        else known.count++
      }
    }
    const mostFrequent = [...found].sort(([, a], [, b]) => b.count - a.count).slice(0, limit)
    return { status: 'ok', results: Object.fromEntries(mostFrequent) }
  })
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'string') return /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}/.test(value) ? 'datetime' : 'string'
  return value === null ? 'string' : typeof value
}
