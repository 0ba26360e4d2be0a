import type { ApiRequest } from '../mixpanel/client.ts'
import { isObject, type JsonObject, listOf, numberOf, parseAnswer, unknownForm, withIntegers } from './answer.ts'
import type { LeftOutItem, StreamContext } from './stream.ts'

/** The items of a list, such as funnels, and those that cannot be read. */
export interface ListItems {
  readonly items: readonly JsonObject[]
  readonly leftOut: readonly LeftOutItem[]
}

/** A list of Mixpanel, as the streams read it. */
export interface ListForm {
  /** The list in messages, such as `The list of cohorts`. */
  readonly what: string
  /** The member of the response that is the list, unless the response is. */
  readonly member: string
  /** An item in messages, such as `Cohort`. */
  readonly noun: string
  /** The member with the number of an item. */
  readonly id: string
  /** Members that are whole numbers, also if they come as texts. */
  readonly integers: readonly string[]
}

/**
 * The items of a list in a response. One without an id, or that is not an object, is left out, so
 * that the others can be loaded.
 * @throws MixloadError BODY_UNREADABLE if the response is not such a list, or no item can be read.
 */
export function itemsIn(answer: unknown, { what, member, noun, id, integers }: ListForm): ListItems {
  const items: JsonObject[] = []
  const leftOut: LeftOutItem[] = []
  for (const [at, item] of listOf(answer, member, what).entries()) {
    const record = isObject(item) ? withIntegers(item, integers) : undefined
    if (record !== undefined && numberOf(record[id]) !== undefined) items.push(record)
    else {
      const why = record === undefined ? 'it is not an object' : `its ${id} is ${shown(record[id])}`
      const name = itemName(`${noun} at position ${at + 1}`, record?.name)
      leftOut.push({ name, error: unknownForm(what, why) })
    }
  }
  if (items.length === 0 && leftOut[0] !== undefined) throw leftOut[0].error
  return { items, leftOut }
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 100)
}

/** How messages call an item: with its title, if it has one. */
export function itemName(what: string, title: unknown): string {
  return typeof title === 'string' ? `${what} (${title})` : what
}

/** Requests a list. @throws MixloadError as {@link itemsIn} does. */
export function askList({ ask }: StreamContext, request: ApiRequest, form: ListForm): Promise<ListItems> {
  return ask(request, (body) => itemsIn(parseAnswer(body, form.what), form))
}
