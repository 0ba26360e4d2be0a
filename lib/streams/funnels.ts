import { fixed, LOAD_COLUMNS } from '../columns/catalogue.ts'
import { RECORD_LINES, type StreamTable } from '../columns/table.ts'
import { isFailure } from '../core/errors.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import { halves, type Slice, sliceName } from '../slices.ts'
import { type Day, isDay } from '../time/days.ts'
import {
  batchOf,
  idText,
  isObject,
  type JsonObject,
  objectsOf,
  parseAnswer,
  unknownForm,
  withIntegers,
} from './answer.ts'
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

/** Longer than any conversion window, so that one sync takes one request per funnel. */
const SLICE_DAYS_MAX = 100

/**
 * The saved funnels, one row per funnel and day. A day's numbers change until the conversion
 * window of the last person who entered on it has passed, so sync reads the days of a whole window
 * again. The list of funnels is read once per run.
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
          // A funnel may be deleted, or broken by a deleted event. The others are still read.
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
    const funnels = objectsOf(parseAnswer(body, what), 'results', what).map((funnel) =>
      withIntegers(funnel, ['funnel_id']),
    )
    if (funnels.some(({ funnel_id }) => funnel_id === undefined)) throw unknownForm(what)
    return funnels
  }
  return ask({ family: 'app', path: '/api/query/funnels/list', query: {} }, read, signal)
}

/** Reads a funnel's days. A request that takes Mixpanel too long is split in halves. */
async function* readFunnel(
  context: StreamContext,
  funnel: JsonObject,
  slice: Slice,
  signal: AbortSignal,
): AsyncGenerator<LineBatch, void, undefined> {
  const waiting = [slice]
  for (let days = waiting.shift(); days !== undefined; days = waiting.shift()) {
    const outcome = await requestOrSplit(context, funnel, days, signal)
    if (outcome === undefined) continue
    if ('days' in outcome) {
      yield batchOf('funnels', outcome.days)
      yield batchOf('funnel_steps', outcome.steps)
    } else waiting.unshift(...outcome)
  }
}

async function requestOrSplit(
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

function nameOf({ funnel_id, name }: JsonObject): string {
  const id = idText(funnel_id)
  return typeof name === 'string' ? `Funnel ${id} (${name})` : `Funnel ${id}`
}

/** The columns of the members of `analysis`. Any other member gets the prefix `analysis_`. */
const ANALYSIS_COLUMNS: Readonly<Record<string, string>> = {
  completion: 'completion',
  starting_amount: 'starting_amount',
  steps: 'step_count',
  worst: 'worst',
}

/** A funnel's records: one per day, and one per step and day. */
interface FunnelRecords {
  readonly days: readonly JsonObject[]
  readonly steps: readonly JsonObject[]
}

/**
 * The records of the requested days in a funnel's response. Other members, such as the total
 * `$overall`, are left out. @throws MixloadError BODY_UNREADABLE if the response has another form.
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
