import { DateTime } from 'luxon'
import { z } from 'zod'
import type { Reply, SimulatorContext } from '../http/reply.ts'
import { type Annotation, annotationDate } from '../stores/annotation-store.ts'
import { AppError, type AppResult, appRoute } from './app-route.ts'
import type { Project } from './project.ts'

type Route = (context: SimulatorContext) => Promise<Reply>

/** The routes of annotations in the app API, by method. */
export interface AnnotationRoutes {
  readonly list: Route
  readonly create: Route
  readonly read: Route
  readonly change: Route
  readonly remove: Route
  readonly listTags: Route
  readonly createTag: Route
}

const tagIds = z.array(z.int()).optional()
const newAnnotation = z.object({ date: z.string(), description: z.string(), tags: tagIds })
const changedAnnotation = z.object({ description: z.string().optional(), tags: tagIds })
const newTag = z.object({ name: z.string().min(1) })

/** `/api/app/projects/{id}/annotations` and what is below it. */
export function annotationRoutes(project: Project): AnnotationRoutes {
  const { annotations } = project
  const shown = (annotation: Annotation) => record(annotation, project)
  const route = (answer: (context: SimulatorContext) => AppResult | Promise<AppResult>) =>
    appRoute(project, 'annotations', answer)
  const named = (context: SimulatorContext): Annotation => {
    const annotation = annotations.get(Number(context.req.param('id')))
    if (annotation === undefined) throw new AppError(404, 'Annotation not found')
    return annotation
  }
  const tagNames = (ids: readonly number[]) =>
    ids.map((id) => {
      const tag = annotations.tagById(id)
      if (tag === undefined) throw new AppError(400, `No tag ${id}`)
      return tag.name
    })
  const tagRecord = (tag: { id: number; name: string }) => ({
    ...tag,
    project_id: Number(project.credentials.projectId),
    has_annotations: annotations.all().some(({ tags }) => tags.some(({ id }) => id === tag.id)),
  })

  return {
    list: route((context) => {
      // Only the documented names of the parameters filter; `from_date` and `to_date` are passed over.
      const { fromDate = '', toDate = '9999-12-31', tags } = context.req.query()
      const wanted = tags?.split(',').map(Number)
      const results = annotations
        .all()
        .filter(({ date }) => date.slice(0, 10) >= fromDate && date.slice(0, 10) <= toDate)
        .filter((one) => wanted === undefined || one.tags.some(({ id }) => wanted.includes(id)))
      return { results: results.map(shown) }
    }),
    create: route(async (context) => {
      const { date, description, tags = [] } = await bodyOf(context, newAnnotation)
      if (annotationDate(date) === undefined) throw new AppError(400, 'date: expected YYYY-MM-DD HH:mm:ss')
      return { status: 201, results: shown(annotations.set({ date, description, tags: tagNames(tags) })) }
    }),
    read: route((context) => ({ results: shown(named(context)) })),
    change: route(async (context) => {
      const before = named(context)
      const { description, tags } = await bodyOf(context, changedAnnotation)
      const changed = {
        ...before,
        description: description ?? before.description,
        tags: tags === undefined ? before.tags.map(({ name }) => name) : tagNames(tags),
      }
      return { results: shown(annotations.set(changed)) }
    }),
    remove: route((context) => {
      const { id } = named(context)
      annotations.delete(id)
      return { results: { id } }
    }),
    listTags: route(() => ({ results: annotations.tags().map(tagRecord) })),
    createTag: route(async (context) => {
      const { name } = await bodyOf(context, newTag)
      return { results: tagRecord(annotations.tag(name)) }
    }),
  }
}

/** As recorded answers have it: the date with the project's offset, and no `tags` where there are none. */
function record({ id, date, description, tags }: Annotation, project: Project) {
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

async function bodyOf<Value>(context: SimulatorContext, schema: z.ZodType<Value>): Promise<Value> {
  const body: unknown = await context.req.json().catch(() => undefined)
  const parsed = schema.safeParse(body)
  if (!parsed.success) throw new AppError(400, z.prettifyError(parsed.error))
  return parsed.data
}
