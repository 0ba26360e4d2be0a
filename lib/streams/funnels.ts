import { member } from '../columns/catalogue.ts'
import { recordTable } from '../columns/table.ts'
import { isFailure } from '../core/errors.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import { halves, type Slice, sliceName } from '../slices.ts'
import type { Day } from '../time/days.ts'
import { assertOk, batchOf, dated, idText, isObject, type JsonObject, parseAnswer, unknownForm } from './answer.ts'
import { daysIn } from './days-in.ts'
import { askList, itemName, type ListForm, type ListItems } from './list-items.ts'
import { readEach } from './read-each.ts'
import type { LineBatch, Stream, StreamContext } from './stream.ts'

const DAY_OF_RECORD = [
  member('date', 'date', "Day on which people entered the funnel, in the project's time zone"),
  member('_day', 'date', 'The same: the day under which the row is replaced'),
]

const FUNNELS = recordTable(
  'funnels',
  ['funnel_id', 'date'],
  [
    member('funnel_id', 'bigint', 'Id of the funnel'),
    member('name', 'text', 'Name of the funnel'),
    ...DAY_OF_RECORD,
    member('steps', 'json', 'The steps as Mixpanel returns them; see funnel_steps'),
    member('completion', 'bigint', 'People who took the last step'),
    member('starting_amount', 'bigint', 'People who took the first step'),
    member('step_count', 'bigint', 'Number of steps'),
    member('worst', 'bigint', 'Index of the step that most people did not get to'),
  ],
)

const FUNNEL_STEPS = recordTable(
  'funnel_steps',
  ['funnel_id', 'date', 'step'],
  [
    member('funnel_id', 'bigint', 'Id of the funnel'),
    ...DAY_OF_RECORD,
    member('step', 'bigint', 'Index of the step, from 0'),
    member('event', 'text', 'Event of the step'),
    member('goal', 'text', 'What Mixpanel counts in the step'),
    member('step_label', 'text', 'Name of the step, if it has one'),
    member('count', 'bigint', 'People who took the step'),
    member('avg_time', 'double', 'Mean seconds from the step before'),
    member('avg_time_from_start', 'double', 'Mean seconds from the first step'),
    member('step_conv_ratio', 'double', 'Share of the people of the step before'),
    member('overall_conv_ratio', 'double', 'Share of the people of the first step'),
  ],
  {
    custom_event: { type: 'boolean', description: 'True if the step is a custom event' },
    custom_event_id: { type: 'bigint', description: 'Id of the custom event' },
  },
)

/** Longer than any conversion window, so that one sync takes one request per funnel. */
const SLICE_DAYS_MAX = 100

/**
 * The saved funnels, one row per funnel and day. A day's numbers change until the last person's
 * conversion window has passed, so sync reads a whole window again. The list is read once per run.
 */
export function funnelsStream(): Stream {
  let listed: ListItems | undefined
  return {
    name: 'funnels',
    tables: [FUNNELS, FUNNEL_STEPS],
    replication: 'incremental',
    family: 'app',
    sliceDaysMax: ({ funnelWindow }) => Math.max(SLICE_DAYS_MAX, funnelWindow + 1),
    daysReadAgain: ({ funnelWindow }) => funnelWindow,
    async *read(context, slice) {
      if (slice === undefined) throw new TypeError('funnels are read by days')
      listed ??= await askList(context, FUNNEL_LIST, FORM)
      listed.leftOut.forEach(context.leaveOut)
      yield* readEach(context, listed.items.map(funnelOf), (own, funnel) => readFunnel(own, funnel, slice))
    },
  }
}

interface Funnel {
  readonly record: JsonObject
  readonly id: string
  /** As messages call it. */
  readonly name: string
}

const FUNNEL_LIST: ApiRequest = { family: 'app', path: '/api/query/funnels/list', query: {} }

const FORM: ListForm = {
  what: 'The list of funnels',
  member: 'results',
  noun: 'Funnel',
  id: 'funnel_id',
  integers: ['funnel_id'],
}

function funnelOf(record: JsonObject): Funnel {
  const { funnel_id, name } = record
  const id = idText(funnel_id)
  return { record, id, name: itemName(`Funnel ${id}`, name) }
}

/** Reads a funnel's days. A request that takes Mixpanel too long is split in halves. */
async function* readFunnel(
  context: StreamContext,
  funnel: Funnel,
  slice: Slice,
): AsyncGenerator<LineBatch, void, undefined> {
  const { record, id, name } = funnel
  const what = `${name}, ${sliceName(slice)}`
  const days = { from_date: slice.firstDay, to_date: slice.lastDay, unit: 'day' }
  const query = { funnel_id: id, ...days }
  const read = (body: Buffer) => funnelRecords(record, parseAnswer(body, what), slice, what)
  try {
    const records = await context.ask({ family: 'app', path: '/api/query/funnels', query }, read)
    yield batchOf('funnels', records.days)
    yield batchOf('funnel_steps', records.steps)
  } catch (error) {
    const into = halves(slice)
    if (!isFailure(error, 'QUERY_TIMEOUT') || into === undefined) throw error
    context.onProgress({ kind: 'slice-split', stream: 'funnels', slice, into, reason: `${name}: ${error.message}` })
    for (const half of into) yield* readFunnel(context, funnel, half)
  }
}

/** The columns of the members of `analysis`. Any other member gets the prefix `analysis_`. */
const ANALYSIS_COLUMNS = new Map([
  ...['completion', 'starting_amount', 'worst'].map((name) => [name, name] as const),
  ['steps', 'step_count'],
])

/** A funnel's records: one per day, and one per step and day. */
interface FunnelRecords {
  readonly days: readonly JsonObject[]
  readonly steps: readonly JsonObject[]
}

/**
 * The records of the requested days in a funnel's response. Other members, such as the total
 * `$overall`, are left out. @throws MixloadError BODY_UNREADABLE if the response has another form,
 * or a day in it.
 */
export function funnelRecords(funnel: JsonObject, answer: unknown, slice: Slice, what: string): FunnelRecords {
  assertOk(answer, what)
  const data = isObject(answer) ? answer.data : undefined
  if (!isObject(data)) throw unknownForm(what)
  const days: JsonObject[] = []
  const steps: JsonObject[] = []
  for (const [day, entry] of daysIn(data, slice, what)) {
    days.push(dayRecord(funnel, day, entry))
    // One by one: as arguments of one call, a million would not fit on the stack.
    for (const step of stepRecords(funnel, day, entry)) steps.push(step)
  }
  return { days, steps }
}

function dayRecord({ funnel_id, name }: JsonObject, day: Day, { analysis, ...entry }: JsonObject): JsonObject {
  const analysed = isObject(analysis)
    ? Object.entries(analysis).map(([member, value]) => [ANALYSIS_COLUMNS.get(member) ?? `analysis_${member}`, value])
    : [['analysis', analysis]]
  return { ...entry, ...Object.fromEntries(analysed), funnel_id, name, ...dated(day) }
}

function stepRecords({ funnel_id }: JsonObject, day: Day, { steps }: JsonObject): readonly JsonObject[] {
  if (!Array.isArray(steps)) return []
  return steps.map((step, index) => ({
    ...(isObject(step) ? step : {}),
    funnel_id,
    ...dated(day),
    step: index,
  }))
}
