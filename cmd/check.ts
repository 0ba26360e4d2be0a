import { isFailure, MixloadError, messageOf } from '../lib/core/errors.ts'
import type { RequestBudget } from '../lib/mixpanel/budget.ts'
import type { ApiRequest, MixpanelClient } from '../lib/mixpanel/client.ts'
import { REGIONS } from '../lib/mixpanel/regions.ts'
import type { Tell } from '../lib/progress.ts'
import { askProject, type ProjectInfo, yesterdayOf } from '../lib/run/project.ts'
import type { Settings } from '../lib/settings.ts'
import { currentRequest } from '../lib/streams/annotations.ts'
import { exportRequest } from '../lib/streams/export.ts'
import { type Day, isZone } from '../lib/time/days.ts'
import type { Command, CommandContext } from './command.ts'
import { LOAD_SETTINGS } from './load-settings.ts'
import { createClient, credentialsOf, exportBudget, openWarehouse, queryBudget } from './session.ts'

/** A clock further off than this makes `yesterday` another day near midnight. */
const CLOCK_OFFSET_MAX_MS = 5 * 60_000

/** One line of the report. */
interface Finding {
  readonly check: string
  readonly ok: boolean
  /** What was found; where it is not ok, what to do. */
  readonly detail: string
}

/** `mixload check`: looks at everything that a load needs, in at most four requests. Each line says ok or what to do. */
export const command: Command = {
  settings: LOAD_SETTINGS,
  async run(context) {
    const findings: Finding[] = []
    for await (const finding of findAll(context)) {
      findings.push(finding)
      context.output.print(`${finding.ok ? 'ok' : 'NO'}  ${finding.check}: ${finding.detail}`)
    }
    context.output.json(findings)
    return findings.every(({ ok }) => ok) ? 0 : 1
  },
}

async function* findAll(context: CommandContext): AsyncGenerator<Finding> {
  yield* mixpanelFindings(context)
  yield await destinationFinding(context)
}

async function* mixpanelFindings(context: CommandContext): AsyncGenerator<Finding> {
  const { settings, output, signal } = context
  try {
    credentialsOf(settings, output.tell)
  } catch (error) {
    yield { check: 'credentials', ok: false, detail: messageOf(error) }
    return
  }
  await using client = createClient(settings, () => {})
  let project: ProjectInfo | undefined
  if (settings.serviceAccount !== undefined && settings.projectId !== undefined) {
    try {
      project = await askProject(client, settings.projectId, signal)
      yield { check: 'credentials', ok: true, detail: 'the service account is accepted' }
      yield { check: 'project', ok: true, detail: `${settings.projectId} ${project.name ?? ''}`.trim() }
      yield { check: 'region', ok: true, detail: project.domain ?? settings.region }
    } catch (error) {
      yield await refusedFinding(context, error)
    }
  }
  const zone = settings.timezone ?? project?.timezone
  yield zoneFinding(settings.timezone, project?.timezone)
  const yesterday = yesterdayOf(zone !== undefined && isZone(zone) ? zone : 'UTC', Date.now())
  for (const probe of probesOf(settings, yesterday)) yield await probeFinding(client, probe, context)
  // Where nothing has answered, there is no clock to compare with.
  if (client.clockOffsetMs !== undefined) yield clockFinding(client.clockOffsetMs)
}

/** A question that shows whether a part of the API may be used, and the budget that it counts in. */
interface Probe {
  readonly check: string
  readonly request: ApiRequest
  readonly budget: (settings: Settings, tell: Tell) => RequestBudget
}

/** One for each part of the API that the streams of the settings need. */
function probesOf(settings: Settings, yesterday: Day): readonly Probe[] {
  const probes: Probe[] = []
  if (settings.streams.includes('export')) {
    const request = exportRequest({ firstDay: yesterday, lastDay: yesterday }, settings.events)
    const limited = { ...request, query: { ...request.query, limit: '1' } }
    probes.push({ check: 'export', request: limited, budget: exportBudget })
  }
  if (settings.streams.some((name) => name !== 'export' && name !== 'annotations')) {
    const request: ApiRequest = { family: 'app', path: '/api/query/cohorts/list', query: {}, form: {} }
    probes.push({ check: 'query API', request, budget: queryBudget })
  }
  const annotations = settings.streams.includes('annotations') ? currentRequest(settings) : undefined
  if (annotations !== undefined) probes.push({ check: 'annotations', request: annotations, budget: queryBudget })
  return probes
}

async function probeFinding(
  client: MixpanelClient,
  { check, request, budget: budgetOf }: Probe,
  { settings, output, signal }: CommandContext,
): Promise<Finding> {
  await using budget = budgetOf(settings, output.tell)
  const release = await budget.acquire(signal)
  try {
    for await (const _ of await client.stream(request, signal)) break
    const left = await budget.remaining()
    const much = Number.isFinite(left) ? `${left} requests are left this hour` : 'no limit on requests is set'
    return { check, ok: true, detail: `the plan and the credentials allow it, ${much}` }
  } catch (error) {
    if (!(error instanceof MixloadError)) throw error
    const isAbsent = isFailure(error, 'PLAN_REFUSED', 'PERMISSION_REFUSED', 'NOT_FOUND')
    const advice = isAbsent ? ' Without it, name other streams: --streams.' : ''
    return { check, ok: false, detail: `${messageOf(error)}${advice}` }
  } finally {
    await release()
  }
}

/** Bad credentials are often good ones of another region: the others are asked, too. */
async function refusedFinding({ settings, signal }: CommandContext, error: unknown): Promise<Finding> {
  const check = isFailure(error, 'NOT_FOUND') ? 'project' : 'credentials'
  if (settings.apiUrl === undefined && settings.projectId !== undefined) {
    for (const region of REGIONS.filter((other) => other !== settings.region)) {
      await using client = createClient({ ...settings, region }, () => {})
      try {
        await askProject(client, settings.projectId, signal)
        return {
          check: 'region',
          ok: false,
          detail: `The project is in region ${region}: set MIXPANEL_REGION=${region}.`,
        }
      } catch (otherError) {
        if (!(otherError instanceof MixloadError)) throw otherError
      }
    }
  }
  return { check, ok: false, detail: messageOf(error) }
}

function zoneFinding(set: string | undefined, told: string | undefined): Finding {
  const check = 'timezone'
  if (set !== undefined && told !== undefined && set !== told) {
    return {
      check,
      ok: false,
      detail: `--timezone is ${set}, but Mixpanel says ${told}. Leave the setting out, or mend it.`,
    }
  }
  const zone = set ?? told
  return zone === undefined
    ? { check, ok: false, detail: 'not known; set MIXPANEL_TIMEZONE to the time zone of the project settings' }
    : { check, ok: true, detail: zone }
}

function clockFinding(offsetMs: number): Finding {
  const seconds = Math.round(offsetMs / 1000)
  return Math.abs(offsetMs) <= CLOCK_OFFSET_MAX_MS
    ? { check: 'clock', ok: true, detail: `within ${Math.abs(seconds)} s of Mixpanel's` }
    : { check: 'clock', ok: false, detail: `This machine's clock is ${-seconds} s ahead of Mixpanel's. Set it right.` }
}

async function destinationFinding({ settings, output, signal }: CommandContext): Promise<Finding> {
  const check = 'destination'
  try {
    await using warehouse = await openWarehouse(settings, output.tell, signal)
    await warehouse.destination.open(signal)
    return { check, ok: true, detail: `${warehouse.destination.description} can be written` }
  } catch (error) {
    if (!(error instanceof MixloadError)) throw error
    return { check, ok: false, detail: error.message }
  }
}
