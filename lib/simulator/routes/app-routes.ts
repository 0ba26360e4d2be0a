import { DateTime } from 'luxon'
import { z } from 'zod'
import { callerOf } from '../http/auth.ts'
import { checkPlan } from '../http/plan-refusal.ts'
import { jsonReply, type Route, RouteError, type SimulatorContext } from '../http/reply.ts'
import type { PlanFeature } from '../stores/options.ts'
import { type Annotation, type AnnotationTag, annotationDate, annotationsBetween } from '../stores/saved-objects.ts'
import type { Project } from './project.ts'

/** The result of a route of the app API. The status defaults to 200. */
interface AppResult {
  readonly status?: number
  readonly results: unknown
}

type Answer = (context: SimulatorContext) => AppResult | Promise<AppResult>

const tagIds = z.array(z.int()).optional()
const newAnnotation = z.object({ date: z.string(), description: z.string(), tags: tagIds })
const changedAnnotation = z.object({ description: z.string().optional(), tags: tagIds })
const newTag = z.object({ name: z.string().min(1) })

/** Returns a route of the app API below `/projects/{id}`, which requires the service account. */
function appRoute(project: Project, feature: PlanFeature, answer: Answer): Route {
  return async (context) => {
    checkServiceAccount(context, project)
    if (context.req.param('project') !== project.credentials.projectId) {
      throw new RouteError('User does not have access to this project', 403)
    }
    checkPlan(context, project.plan, feature)
    const { status = 200, results } = await answer(context)
    return jsonReply(status, { status: 'ok', results })
  }
}

function checkServiceAccount(context: SimulatorContext, { credentials }: Project): void {
  if (callerOf(context, credentials) !== 'service-account') {
    throw new RouteError('Invalid service account credentials', 401)
  }
}

/** `GET /api/app/me`: what a service account can access. Undocumented but widely used. */
export function meRoute(project: Project): Route {
  return (context) => {
    checkServiceAccount(context, project)
    const { projectId, serviceAccount } = project.credentials
    const described = {
      name: project.name,
      organization_id: 1,
      timezone: project.clock.timezone,
      has_workspaces: true,
      domain: 'mixpanel.com',
      type: 'PROJECT',
    }
    const workspace = {
      id: 10,
      name: 'All Project Data',
      project_id: Number(projectId),
      is_default: true,
      is_global: true,
    }
    const results = {
      user_id: 1,
      user_email: serviceAccount.user,
      user_name: serviceAccount.user.split('.')[0],
      organizations: { 1: { id: 1, name: 'Simulated organization', role: 'admin' } },
      projects: { [projectId]: described },
      workspaces: { 10: workspace },
    }
    return jsonReply(200, { status: 'ok', results })
  }
}

/** `GET /api/app/projects/{id}/schemas` and `…/schemas/{type}`, without pages. */
export function lexiconRoute(project: Project): Route {
  return appRoute(project, 'lexicon', (context) => {
    const type = context.req.param('type')
    return { results: project.lexicon.filter(({ entityType }) => type === undefined || entityType === type) }
  })
}

/** `/api/app/projects/{id}/annotations` and the paths below. */
export function annotationRoutes(project: Project) {
  const { annotations } = project
  const project_id = Number(project.credentials.projectId)
  const route = (answer: Answer) => appRoute(project, 'annotations', answer)
  const requested = (context: SimulatorContext): Annotation => {
    const annotation = annotations.get(Number(context.req.param('id')))
    if (annotation === undefined) throw new RouteError('Annotation not found', 404)
    return annotation
  }
  const tagNames = (ids: readonly number[]) =>
    ids.map((id) => {
      const tag = annotations.tagById(id)
      if (tag === undefined) throw new RouteError(`No tag ${id}`)
      return tag.name
    })
  const tagJson = (tag: AnnotationTag) => ({
    ...tag,
    project_id,
    has_annotations: annotations.all().some(({ tags }) => tags.some(({ id }) => id === tag.id)),
  })
  /** As in recorded responses: the date has an offset, and empty `tags` are left out. */
  const toJson = ({ id, date, description, tags }: Annotation) => ({
    id,
    project_id,
    date:
      project.annotationDates === 'plain'
        ? date
        : DateTime.fromSQL(date, { zone: project.clock.timezone }).toFormat("yyyy-MM-dd'T'HH:mm:ssZZ"),
    description,
    user: { id: 1, first_name: '', last_name: '' },
    ...(tags.length > 0 ? { tags } : {}),
  })
  return {
    list: route((context) => {
      // Only the documented parameters filter; `from_date` and `to_date` are ignored.
      const { fromDate, toDate, tags } = context.req.query()
      const tagIds = tags?.split(',').map(Number)
      const results = annotationsBetween(annotations, fromDate, toDate).filter(
        (annotation) => tagIds === undefined || annotation.tags.some(({ id }) => tagIds.includes(id)),
      )
      return { results: results.map(toJson) }
    }),
    create: route(async (context) => {
      const { date, description, tags = [] } = await parseBody(context, newAnnotation)
      if (annotationDate(date) === undefined) throw new RouteError('date: expected YYYY-MM-DD HH:mm:ss')
      return { status: 201, results: toJson(annotations.set({ date, description, tags: tagNames(tags) })) }
    }),
    read: route((context) => ({ results: toJson(requested(context)) })),
    change: route(async (context) => {
      const before = requested(context)
      const { description = before.description, tags } = await parseBody(context, changedAnnotation)
      const names = tags === undefined ? before.tags.map(({ name }) => name) : tagNames(tags)
      return { results: toJson(annotations.set({ ...before, description, tags: names })) }
    }),
    remove: route((context) => {
      const { id } = requested(context)
      annotations.delete(id)
      return { results: { id } }
    }),
    listTags: route(() => ({ results: annotations.tags().map(tagJson) })),
    createTag: route(async (context) => {
      const { name } = await parseBody(context, newTag)
      return { results: tagJson(annotations.tag(name)) }
    }),
  }
}

async function parseBody<Value>(context: SimulatorContext, schema: z.ZodType<Value>): Promise<Value> {
  const body: unknown = await context.req.json().catch(() => undefined)
  const parsed = schema.safeParse(body)
  if (!parsed.success) throw new RouteError(z.prettifyError(parsed.error))
  return parsed.data
}
