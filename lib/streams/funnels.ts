import { fixed, LOAD_COLUMNS } from '../columns/catalogue.ts'
import { RECORD_LINES, type StreamTable } from '../columns/table.ts'
import { isFailure } from '../core/errors.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import { halves, type Slice, sliceName } from '../slices.ts'
import { type Day, isDay } from '../time/days.ts'
import { batchOf, isObject, type JsonObject, objectsOf, parseAnswer, unknownForm, withIntegers } from './answer.ts'
import { askDays } from './ask-days.ts'
import type { LineBatch, Stream, StreamContext } from './stream.ts'

const DAY_OF_RECORD = [
  fixed('date', 'date', "Day on which people entered the funnel, in the project's time zone", 'date'),
  fixed('_day', 'date', 'The same: the day under which the row is replaced', '_day'),
]

const FUNNELS: StreamTable = {
  name: 'funnels',
  columns: [
    fixed('funnel_id', 'bigint', 'Id of the funnel', 'funnel_id'),
    fixed('name', 'text', 'Name of the funnel', 'name'),
    ...DAY_OF_RECORD,
    fixed('steps', 'json', 'The steps as Mixpanel gives them; see funnel_steps', 'steps'),
    fixed('completion', 'bigint', 'People who took the last step', 'completion'),
    fixed('starting_amount', 'bigint', 'People who took the first step', 'starting_amount'),
    fixed('step_count', 'bigint', 'How many steps there are', 'step_count'),
    fixed('worst', 'bigint', 'Index of the step that most people did not get to', 'worst'),
    ...LOAD_COLUMNS,
  ],
  lines: RECORD_LINES,
  key: ['funnel_id', 'date'],
  properties: {},
  isSelective: false,
}

const FUNNEL_STEPS: StreamTable = {
  name: 'funnel_steps',
  columns: [
    fixed('funnel_id', 'bigint', 'Id of the funnel', 'funnel_id'),
    ...DAY_OF_RECORD,
    fixed('step', 'bigint', 'Index of the step, from 0', 'step'),
    fixed('event', 'text', 'Event of the step', 'event'),
    fixed('goal', 'text', 'What Mixpanel counts in the step', 'goal'),
    fixed('step_label', 'text', 'Name of the step, where it has one', 'step_label'),
    fixed('count', 'bigint', 'People who took the step', 'count'),
    fixed('avg_time', 'double', 'Mean seconds from the step before', 'avg_time'),
    fixed('avg_time_from_start', 'double', 'Mean seconds from the first step', 'avg_time_from_start'),
    fixed('step_conv_ratio', 'double', 'Share of those of the step before', 'step_conv_ratio'),
    fixed('overall_conv_ratio', 'double', 'Share of those of the first step', 'overall_conv_ratio'),
    ...LOAD_COLUMNS,
  ],
  lines: RECORD_LINES,
  key: ['funnel_id', 'date', 'step'],
  properties: {
    custom_event: { type: 'boolean', description: 'True where the step is a custom event' },
    custom_event_id: { type: 'bigint', description: 'Id of the custom event' },
  },
  isSelective: false,
}

/** Longer than any conversion window, so that what sync reads again is one request a funnel. */
const SLICE_DAYS_MAX = 100

/**
 * The saved funnels, a row a funnel and day. A day's numbers go on changing until the conversion
 * windows of those who entered on it are over, so sync reads all days again that such a window can
 * reach. Their list is read once.
 */
export function funnelsStream(): Stream {
  let listed: readonly JsonObject[] | undefined
  return {
    name: 'funnels',
    tables: [FUNNELS, FUNNEL_STEPS],
    replication: 'incremental',
    family: 'app',
    sliceDaysMax: ({ funnelWindow }) => Math.max(SLICE_DAYS_MAX, funnelWindow + 1),
    daysReadAgain: ({ funnelWindow }) => funnelWindow,
    async *read(context, slice, signal) {
      if (slice === undefined) throw new TypeError('funnels are read by days')
      listed ??= await listFunnels(context, signal)
      let refused = 0
      for (const funnel of listed) {
        try {
          yield* readFunnel(context, funnel, slice, signal)
        } catch (error) {
          // One may be deleted since it was listed, or have lost an event that it stands on; the
          // others go on.
          if (!isFailure(error, 'NOT_FOUND', 'REQUEST_REFUSED') || ++refused === listed.length) throw error
          context.onProgress({ kind: 'item-skipped', stream: 'funnels', name: nameOf(funnel), error })
        }
      }
    },
  }
}

async function listFunnels({ ask }: StreamContext, signal: AbortSignal): Promise<readonly JsonObject[]> {
  const what = 'The list of funnels'
  const read = (body: Buffer) => {
    const funnels = objectsOf(parseAnswer(body, what), 'results', what).map((one) => withIntegers(one, ['funnel_id']))
    if (funnels.some(({ funnel_id }) => funnel_id === undefined)) throw unknownForm(what)
    return funnels
  }
  return ask({ family: 'app', path: '/api/query/funnels/list', query: {} }, read, signal)
}

/** Days that Mixpanel takes too long over are asked for in halves. */
async function* readFunnel(
  context: StreamContext,
  funnel: JsonObject,
  slice: Slice,
  signal: AbortSignal,
): AsyncGenerator<LineBatch, void, undefined> {
  const waiting = [slice]
  for (let some = waiting.shift(); some !== undefined; some = waiting.shift()) {
    const outcome = await askOrSplit(context, funnel, some, signal)
    if (outcome === undefined) continue
    if ('days' in outcome) {
      yield batchOf('funnels', outcome.days)
      yield batchOf('funnel_steps', outcome.steps)
    } else waiting.unshift(...outcome)
  }
}

async function askOrSplit(
  context: StreamContext,
  funnel: JsonObject,
  slice: Slice,
  signal: AbortSignal,
): Promise<FunnelRecords | readonly [Slice, Slice] | undefined> {
  const what = `${nameOf(funnel)}, ${sliceName(slice)}`
  const read = (body: Buffer) => funnelRecords(funnel, parseAnswer(body, what), slice, what)
  try {
    return await askDays(context, 'funnels', slice, (days) => funnelRequest(funnel, days), read, signal)
  } catch (error) {
    const into = halves(slice)
    if (!isFailure(error, 'QUERY_TIMEOUT') || into === undefined) throw error
    const reason = `${nameOf(funnel)}: ${error.message}`
    context.onProgress({ kind: 'slice-split', stream: 'funnels', slice, into, reason })
    return into
  }
}

function funnelRequest({ funnel_id }: JsonObject, { firstDay, lastDay }: Slice): ApiRequest {
  const query = { funnel_id: idText(funnel_id), from_date: firstDay, to_date: lastDay, unit: 'day' }
  return { family: 'app', path: '/api/query/funnels', query }
}

/** Digits as they were written, also where they are too many for a number. */
function idText(id: unknown): string {
  return typeof id === 'string' ? id : JSON.stringify(id)
}

function nameOf({ funnel_id, name }: JsonObject): string {
  const id = idText(funnel_id)
  return typeof name === 'string' ? `Funnel ${id} (${name})` : `Funnel ${id}`
}

/** Where the members of `analysis` go. One that is not here gets `analysis_` before its name. */
const ANALYSIS_COLUMNS: Readonly<Record<string, string>> = {
  completion: 'completion',
  starting_amount: 'starting_amount',
  steps: 'step_count',
  worst: 'worst',
}

/** Of a funnel: a record a day, and one a step and day. */
interface FunnelRecords {
  readonly days: readonly JsonObject[]
  readonly steps: readonly JsonObject[]
}

/**
 * The records of a funnel's answer: one a day, and one a step and day. Only days that were asked
 * for count; what else stands among them, such as the total `$overall`, is no day.
 * @throws MixloadError BODY_UNREADABLE for an answer of another form.
 */
export function funnelRecords(
  funnel: JsonObject,
  answer: unknown,
  { firstDay, lastDay }: Slice,
  what: string,
): FunnelRecords {
  const data = isObject(answer) ? answer.data : undefined
  if (!isObject(data)) throw unknownForm(what)
  const days: JsonObject[] = []
  const steps: JsonObject[] = []
  for (const day of Object.keys(data).filter(isDay).sort()) {
    const entry = data[day]
    if (day < firstDay || day > lastDay || !isObject(entry)) continue
    days.push(dayRecord(funnel, day, entry))
    steps.push(...stepRecords(funnel, day, entry))
  }
  return { days, steps }
}

function dayRecord({ funnel_id, name }: JsonObject, day: Day, { analysis, ...entry }: JsonObject): JsonObject {
  const analysed = isObject(analysis)
    ? Object.entries(analysis).map(([member, value]) => [columnOf(member), value])
    : [['analysis', analysis]]
  return { ...entry, ...Object.fromEntries(analysed), funnel_id, name, date: day, _day: day }
}

function columnOf(member: string): string {
  return (Object.hasOwn(ANALYSIS_COLUMNS, member) ? ANALYSIS_COLUMNS[member] : undefined) ?? `analysis_${member}`
}

function stepRecords({ funnel_id }: JsonObject, day: Day, { steps }: JsonObject): readonly JsonObject[] {
  if (!Array.isArray(steps)) return []
  return steps.map((step, index) => ({
    ...(isObject(step) ? step : {}),
    funnel_id,
    date: day,
    _day: day,
    step: index,
  }))
}
