import { Hono } from 'hono'
import { z } from 'zod'
import { faultsSchema } from './faults/fault-schema.ts'
import type { FaultQueue } from './faults/faults.ts'
import { replacement } from './http/fault-reply.ts'
import {
  familyOf,
  jsonReply,
  type Reply,
  requestTarget,
  type SimulatorContext,
  type SimulatorEnvironment,
} from './http/reply.ts'
import type { RequestLog } from './http/request-log.ts'
import { reset, send, wait } from './http/send.ts'
import { annotationRoutes } from './routes/annotations-route.ts'
import { cohortsRoute } from './routes/cohorts-route.ts'
import { eventsRoute, segmentationRoute } from './routes/counts-route.ts'
import { engagePropertiesRoute } from './routes/engage-properties-route.ts'
import { engageRoute } from './routes/engage-route.ts'
import { exportRoute } from './routes/export-route.ts'
import { funnelListRoute, funnelsRoute } from './routes/funnels-route.ts'
import { importRoute } from './routes/import-route.ts'
import { lexiconRoute } from './routes/lexicon-route.ts'
import { meRoute } from './routes/me-route.ts'
import { namesRoute } from './routes/names-route.ts'
import { oldAnnotationsRoute } from './routes/old-annotations-route.ts'
import { profileWriteRoute } from './routes/profile-write-route.ts'
import { type Project, refusalText } from './routes/project.ts'
import { revenueRoute } from './routes/revenue-route.ts'
import { trackRoute } from './routes/track-route.ts'

/** Mixpanel takes its queries by either. */
const READS = ['GET', 'POST']

const ANNOTATIONS = '/api/app/projects/:project/annotations'

type Route = (context: SimulatorContext) => Reply | Promise<Reply>

/** Joins routes, faults and log into one HTTP application. Paths with a slash at the end are the same paths. */
export function simulatorApp(project: Project, faults: FaultQueue, log: RequestLog): Hono<SimulatorEnvironment> {
  const app = new Hono<SimulatorEnvironment>({ strict: false })
  const answer = (route: Route) => async (context: SimulatorContext) => send(context, await route(context))

  controlRoutes(app, faults, log)

  app.use(async (context, next) => {
    const { path, method } = context.req
    const query = context.req.query()
    const form = await formOf(context)
    context.set('form', form)
    const entry = { method, path, query, form, status: 0, at: Date.now() }
    log.add(entry)
    context.set('entry', entry)
    const fault = faults.take({ path, query: { ...query, ...form } })
    context.set('fault', fault)
    if (fault?.kind === 'reset') return reset(context)
    if (fault?.kind === 'slow-first-byte') await wait(context, fault.ms)
    const replaced = fault === undefined ? undefined : replacement(context, fault, invented(project, path))
    return replaced === undefined ? next() : send(context, replaced)
  })

  app.get('/api/2.0/export', answer(exportRoute(project)))
  app.get('/api/app/me', answer(meRoute(project)))
  app.post('/import', answer(importRoute(project)))
  app.on(READS, '/track', answer(trackRoute(project)))
  app.on(READS, '/engage', answer(profileWriteRoute(project, 'users')))
  app.on(READS, '/groups', answer(profileWriteRoute(project, 'groups')))
  app.on(READS, bothPaths('/engage'), answer(engageRoute(project)))
  app.on(READS, bothPaths('/cohorts/list'), answer(cohortsRoute(project)))
  app.on(READS, bothPaths('/funnels/list'), answer(funnelListRoute(project)))
  app.on(READS, bothPaths('/funnels'), answer(funnelsRoute(project)))
  app.on(READS, bothPaths('/segmentation'), answer(segmentationRoute(project)))
  app.on(READS, bothPaths('/events'), answer(eventsRoute(project)))
  app.on(READS, bothPaths('/engage/properties'), answer(engagePropertiesRoute(project)))
  app.get('/api/2.0/engage/revenue', answer(revenueRoute(project)))
  app.get('/api/2.0/annotations', answer(oldAnnotationsRoute(project)))
  const annotations = annotationRoutes(project)
  app.get(ANNOTATIONS, answer(annotations.list))
  app.post(ANNOTATIONS, answer(annotations.create))
  app.get(`${ANNOTATIONS}/tags`, answer(annotations.listTags))
  app.post(`${ANNOTATIONS}/tags`, answer(annotations.createTag))
  app.get(`${ANNOTATIONS}/:id`, answer(annotations.read))
  app.patch(`${ANNOTATIONS}/:id`, answer(annotations.change))
  app.delete(`${ANNOTATIONS}/:id`, answer(annotations.remove))
  app.get('/api/app/projects/:project/schemas/:type?', answer(lexiconRoute(project)))
  const names = answer(namesRoute(project))
  app.get('/api/query/events/names', names)
  app.get('/api/2.0/events/names', names)

  const notFound: Route = (context) => jsonReply(404, { request: requestTarget(context), error: 'Not Found' })
  app.notFound(answer(notFound))
  app.onError((error, context) => send(context, jsonReply(500, { error: error.message })))
  return app
}

/** A path of the query family: today's, and the old one that still answers. */
function bothPaths(path: string): string[] {
  return [`/api/query${path}`, `/api/2.0${path}`]
}

/** The fields of a body that is a form; the bodies of ingestion are their routes' own. */
async function formOf(context: SimulatorContext): Promise<Record<string, string>> {
  const type = context.req.header('content-type') ?? ''
  if (!context.req.path.startsWith('/api/') || !type.startsWith('application/x-www-form-urlencoded')) return {}
  return Object.fromEntries(new URLSearchParams(await context.req.text()))
}

/** The simulator's own switches; faults and the log pass them by. */
function controlRoutes(app: Hono<SimulatorEnvironment>, faults: FaultQueue, log: RequestLog): void {
  app.post('/_simulator/faults', async (context) => {
    const body: unknown = await context.req.json().catch(() => undefined)
    const parsed = faultsSchema.safeParse(body)
    if (!parsed.success) return context.json({ error: z.prettifyError(parsed.error) }, 400)
    for (const fault of parsed.data) faults.set(fault)
    return context.json({ set: parsed.data.length })
  })
  app.delete('/_simulator/faults', (context) => {
    faults.clear()
    return context.json({ set: 0 })
  })
  app.get('/_simulator/requests', (context) => context.json(log.entries))
}

/** The counts of a refusal that no budget asked for: just over the hour's limit. */
function invented(project: Project, path: string) {
  const budget = familyOf(path) === 'export' ? project.exportBudget : project.queryBudget
  return refusalText(project, budget, { running: 1, inLastHour: budget.options.perHour + 1 })
}
