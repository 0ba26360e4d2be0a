import { Hono } from 'hono'
import { z } from 'zod'
import { faultsSchema } from './faults/fault-schema.ts'
import type { FaultQueue } from './faults/faults.ts'
import { faultReply } from './http/fault-reply.ts'
import {
  errorReply,
  jsonReply,
  queryError,
  type Route,
  RouteError,
  type SimulatorContext,
  type SimulatorEnvironment,
} from './http/reply.ts'
import type { RequestLog } from './http/request-log.ts'
import { delay, resetConnection, writeReply } from './http/write-reply.ts'
import { annotationRoutes, lexiconRoute, meRoute } from './routes/app-routes.ts'
import { eventCounts, segmentation } from './routes/count-queries.ts'
import { engage } from './routes/engage-query.ts'
import { rawExport } from './routes/export-query.ts'
import { funnelFigures } from './routes/funnel-queries.ts'
import { importRoute } from './routes/import-route.ts'
import { cohortList, eventNames, funnelList, oldAnnotations, profileProperties } from './routes/list-queries.ts'
import { profileWriteRoute } from './routes/profile-write-route.ts'
import { faultLimitReply, type Project } from './routes/project.ts'
import { type Query, queryRoute } from './routes/query.ts'
import { revenue } from './routes/revenue-query.ts'
import { trackRoute } from './routes/track-route.ts'
import { WhereError } from './stores/where-operators.ts'

/** Mixpanel accepts queries by both methods. */
const QUERY_METHODS = ['GET', 'POST']

const ANNOTATIONS = '/api/app/projects/:project/annotations'

/** Combines routes, faults and log into one HTTP application. */
export function simulatorApp(project: Project, faults: FaultQueue, log: RequestLog): Hono<SimulatorEnvironment> {
  const app = new Hono<SimulatorEnvironment>({ strict: false })
  const answer = (route: Route) => async (context: SimulatorContext) => writeReply(context, await route(context))
  const query = (definition: Query) => answer(queryRoute(project, definition))

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
    if (fault?.kind === 'rate-limit') return writeReply(context, faultLimitReply(context, project, fault.retryAfter))
    const reply = fault === undefined ? undefined : faultReply(context, fault)
    return reply === undefined ? next() : writeReply(context, reply)
  })

  app.post('/import', answer(importRoute(project)))
  app.on(QUERY_METHODS, '/track', answer(trackRoute(project)))
  app.on(QUERY_METHODS, '/engage', answer(profileWriteRoute(project, 'users')))
  app.on(QUERY_METHODS, '/groups', answer(profileWriteRoute(project, 'groups')))
  app.get('/api/2.0/export', query(rawExport))
  app.on(QUERY_METHODS, bothPaths('/engage'), query(engage))
  app.on(QUERY_METHODS, bothPaths('/engage/properties'), query(profileProperties))
  app.on(QUERY_METHODS, bothPaths('/cohorts/list'), query(cohortList))
  app.on(QUERY_METHODS, bothPaths('/funnels/list'), query(funnelList))
  app.on(QUERY_METHODS, bothPaths('/funnels'), query(funnelFigures))
  app.on(QUERY_METHODS, bothPaths('/segmentation'), query(segmentation))
  app.on(QUERY_METHODS, bothPaths('/events'), query(eventCounts))
  app.on('GET', bothPaths('/events/names'), query(eventNames))
  app.get('/api/2.0/engage/revenue', query(revenue))
  app.get('/api/2.0/annotations', query(oldAnnotations))
  app.get('/api/app/me', answer(meRoute(project)))
  app.get('/api/app/projects/:project/schemas/:type?', answer(lexiconRoute(project)))
  const annotations = annotationRoutes(project)
  app.get(ANNOTATIONS, answer(annotations.list))
  app.post(ANNOTATIONS, answer(annotations.create))
  app.get(`${ANNOTATIONS}/tags`, answer(annotations.listTags))
  app.post(`${ANNOTATIONS}/tags`, answer(annotations.createTag))
  app.get(`${ANNOTATIONS}/:id`, answer(annotations.read))
  app.patch(`${ANNOTATIONS}/:id`, answer(annotations.change))
  app.delete(`${ANNOTATIONS}/:id`, answer(annotations.remove))

  app.notFound(answer((context) => queryError(context, 404, 'Not Found')))
  app.onError((error, context) => {
    if (error instanceof RouteError) return writeReply(context, errorReply(context, error))
    if (error instanceof WhereError) {
      return writeReply(context, errorReply(context, new RouteError(`Error in where: ${error.message}`)))
    }
    return writeReply(context, jsonReply(500, { error: error.message }))
  })
  return app
}

/** Returns a path of the query family, and the old path that Mixpanel still supports. */
function bothPaths(path: string): string[] {
  return [`/api/query${path}`, `/api/2.0${path}`]
}

/** Returns the fields of a form body. The ingestion routes read their bodies themselves. */
async function formOf(context: SimulatorContext): Promise<Record<string, string>> {
  const isForm = context.req.header('content-type')?.startsWith('application/x-www-form-urlencoded')
  if (!isForm || !context.req.path.startsWith('/api/')) return {}
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
