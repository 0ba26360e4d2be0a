import { DateTime } from 'luxon'
import { z } from 'zod'
import type { Route, SimulatorContext } from '../http/reply.ts'
import { type Annotation, annotationDate } from '../stores/annotation-store.ts'
import { type AppResult, appRoute } from './app-route.ts'
import type { Project } from './project.ts'
import { RouteError } from './route-error.ts'

/** The routes of annotations in the app API. */
export type AnnotationRoutes = Readonly<
  Record<'list' | 'create' | 'read' | 'change' | 'remove' | 'listTags' | 'createTag', Route>
>

const tagIds = z.array(z.int()).optional()
const newAnnotation = z.object({ date: z.string(), description: z.string(), tags: tagIds })
const changedAnnotation = z.object({ description: z.string().optional(), tags: tagIds })
const newTag = z.object({ name: z.string().min(1) })

/** `/api/app/projects/{id}/annotations` and the paths below. */
export function annotationRoutes(project: Project): AnnotationRoutes {
  const { annotations } = project
  const toJson = (annotation: Annotation) => annotationJson(annotation, project)
  const route = (answer: (context: SimulatorContext) => AppResult | Promise<AppResult>) =>
    appRoute(project, 'annotations', answer)
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
  const tagJson = (tag: { id: number; name: string }) => ({
    ...tag,
    project_id: Number(project.credentials.projectId),
    has_annotations: annotations.all().some(({ tags }) => tags.some(({ id }) => id === tag.id)),
  })

  return {
    list: route((context) => {
      // Only the documented parameters filter; `from_date` and `to_date` are ignored.
      const { fromDate = '', toDate = '9999-12-31', tags } = context.req.query()
      const tagIds = tags?.split(',').map(Number)
      const results = annotations
        .all()
        .filter(({ date }) => date.slice(0, 10) >= fromDate && date.slice(0, 10) <= toDate)
        .filter((annotation) => tagIds === undefined || annotation.tags.some(({ id }) => tagIds.includes(id)))
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
      const { description, tags } = await parseBody(context, changedAnnotation)
      const changed = {
        ...before,
        description: description ?? before.description,
        tags: tags === undefined ? before.tags.map(({ name }) => name) : tagNames(tags),
      }
      return { results: toJson(annotations.set(changed)) }
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

/** As in recorded responses: the date has an offset, and empty `tags` are left out. */
function annotationJson({ id, date, description, tags }: Annotation, project: Project) {
  return {
    id,
    project_id: Number(project.credentials.projectId),
    date: project.annotationDates === 'plain' ? date : withOffset(date, project.clock.timezone),
    description,
    user: { id: 1, first_name: '', last_name: '' },
    ...(tags.length > 0 ? { tags } : {}),
  }
}

function withOffset(date: string, zone: string): string {
  return DateTime.fromSQL(date, { zone }).toFormat("yyyy-MM-dd'T'HH:mm:ssZZ")
}

async function parseBody<Value>(context: SimulatorContext, schema: z.ZodType<Value>): Promise<Value> {
  const body: unknown = await context.req.json().catch(() => undefined)
  const parsed = schema.safeParse(body)
  if (!parsed.success) throw new RouteError(z.prettifyError(parsed.error))
  return parsed.data
}
