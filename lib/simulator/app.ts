import { Hono } from 'hono'
import { z } from 'zod'
import { faultsSchema } from './faults/fault-schema.ts'
import type { FaultQueue } from './faults/faults.ts'
import { faultReply } from './http/fault-reply.ts'
import {
  familyOf,
  jsonReply,
  type Route,
  requestTarget,
  type SimulatorContext,
  type SimulatorEnvironment,
} from './http/reply.ts'
import type { RequestLog } from './http/request-log.ts'
import { delay, resetConnection, writeReply } from './http/write-reply.ts'
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
import { limitCounts, type Project } from './routes/project.ts'
import { revenueRoute } from './routes/revenue-route.ts'
import { trackRoute } from './routes/track-route.ts'

/** Mixpanel accepts queries by both methods. */
const QUERY_METHODS = ['GET', 'POST']

const ANNOTATIONS = '/api/app/projects/:project/annotations'

/** Combines routes, faults and log into one HTTP application. */
export function simulatorApp(project: Project, faults: FaultQueue, log: RequestLog): Hono<SimulatorEnvironment> {
  const app = new Hono<SimulatorEnvironment>({ strict: false })
  const answer = (route: Route) => async (context: SimulatorContext) => writeReply(context, await route(context))

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
    if (fault?.kind === 'reset') return resetConnection(context)
    if (fault?.kind === 'slow-first-byte') await delay(context, fault.ms)
    const reply = fault === undefined ? undefined : faultReply(context, fault, countsOverLimit(project, path))
    return reply === undefined ? next() : writeReply(context, reply)
  })

  app.get('/api/2.0/export', answer(exportRoute(project)))
  app.get('/api/app/me', answer(meRoute(project)))
  app.post('/import', answer(importRoute(project)))
  app.on(QUERY_METHODS, '/track', answer(trackRoute(project)))
  app.on(QUERY_METHODS, '/engage', answer(profileWriteRoute(project, 'users')))
  app.on(QUERY_METHODS, '/groups', answer(profileWriteRoute(project, 'groups')))
  app.on(QUERY_METHODS, bothPaths('/engage'), answer(engageRoute(project)))
  app.on(QUERY_METHODS, bothPaths('/cohorts/list'), answer(cohortsRoute(project)))
  app.on(QUERY_METHODS, bothPaths('/funnels/list'), answer(funnelListRoute(project)))
  app.on(QUERY_METHODS, bothPaths('/funnels'), answer(funnelsRoute(project)))
  app.on(QUERY_METHODS, bothPaths('/segmentation'), answer(segmentationRoute(project)))
  app.on(QUERY_METHODS, bothPaths('/events'), answer(eventsRoute(project)))
  app.on(QUERY_METHODS, bothPaths('/engage/properties'), answer(engagePropertiesRoute(project)))
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
  app.onError((error, context) => writeReply(context, jsonReply(500, { error: error.message })))
  return app
}

/** Returns a path of the query family, and the old path that Mixpanel still supports. */
function bothPaths(path: string): string[] {
  return [`/api/query${path}`, `/api/2.0${path}`]
}

/** Returns the fields of a form body. The ingestion routes read their bodies themselves. */
async function formOf(context: SimulatorContext): Promise<Record<string, string>> {
  const type = context.req.header('content-type') ?? ''
  if (!context.req.path.startsWith('/api/') || !type.startsWith('application/x-www-form-urlencoded')) return {}
  return Object.fromEntries(new URLSearchParams(await context.req.text()))
}

/** The simulator's own routes. Faults do not apply to them, and they are not logged. */
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

/** Returns the counts of a 429 that a fault produces: just over the hourly limit. */
function countsOverLimit(project: Project, path: string) {
  const limiter = familyOf(path) === 'export' ? project.exportLimiter : project.queryLimiter
  return limitCounts(project, limiter, { running: 1, inLastHour: limiter.limits.perHour + 1 })
}
