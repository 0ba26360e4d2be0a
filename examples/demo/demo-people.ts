import { DEMO_DAYS } from './demo-shop.ts'

const DAY_MS = 86_400_000

/** The events of the steps towards an order. */
const FUNNEL_STEPS = ['Product Viewed', 'Added to Cart', 'Order Completed'] as const

/** One in this many customers has no profile. */
const NO_PROFILE_EVERY = 17
/** One in this many customers was imported from a CRM, with other names and types of properties. */
const IMPORTED_EVERY = 40

/** The data of the shop's project besides events, as lines of the files for `mixload simulate`. */
export interface ShopPeople {
  readonly profiles: readonly string[]
  readonly cohorts: readonly string[]
  readonly annotations: readonly string[]
  readonly funnels: readonly string[]
}

interface ShopEvent {
  readonly event: string
  readonly properties: {
    readonly time: number
    readonly distinct_id: string
    readonly $insert_id: string
    readonly total?: number
    readonly [name: string]: unknown
  }
}

/** Returns profiles, cohorts, a funnel and annotations that match the shop's events. */
export function shopPeople(eventLines: readonly string[], firstDay: string): ShopPeople {
  const sent = eventLines.map((line) => JSON.parse(line) as ShopEvent)
  const events = [...new Map(sent.map((event) => [event.properties.$insert_id, event])).values()]
  events.sort((a, b) => a.properties.time - b.properties.time)
  const customers = Map.groupBy(events, ({ properties }) => properties.distinct_id)
  const ids = [...customers.keys()].sort()
  const withProfile = ids.filter((id) => numberOf(id) % NO_PROFILE_EVERY !== 0)
  const buyers = ids.filter((id) => customers.get(id)?.some(({ event }) => event === 'Order Completed'))
  return {
    profiles: withProfile.map((id) =>
      JSON.stringify({ $distinct_id: id, $properties: profile(id, customers.get(id) ?? []) }),
    ),
    // Some of the buyers have no profile.
    cohorts: [
      JSON.stringify({ id: 101, name: 'Buyers', description: 'One order or more', members: buyers }),
      JSON.stringify({ id: 102, name: 'Nobody yet', members: [] }),
    ],
    annotations: [
      JSON.stringify({
        id: 1,
        date: `${dayAfter(firstDay, 3)} 09:00:00`,
        description: 'Newsletter',
        tags: ['campaign'],
      }),
      JSON.stringify({ id: 2, date: `${dayAfter(firstDay, 7)} 08:00:00`, description: 'App 2.0', tags: ['release'] }),
      JSON.stringify({ id: 3, date: `${dayAfter(firstDay, 7)} 08:00:00`, description: 'Discounts as text' }),
    ],
    funnels: [JSON.stringify({ id: 201, name: 'Purchase', steps: FUNNEL_STEPS, days: funnelDays(events, firstDay) })],
  }
}

function profile(id: string, events: readonly ShopEvent[]): object {
  const number = numberOf(id)
  const first = events[0]?.properties
  const last = events.at(-1)?.properties
  const orders = events.filter(({ event }) => event === 'Order Completed')
  const common = {
    $created: profileDate(first?.time ?? 0),
    $last_seen: profileDate(last?.time ?? 0),
    $city: last?.$city,
    $country_code: last?.mp_country_code,
    ...(orders.length > 0 ? { $transactions: orders.map(transaction) } : {}),
  }
  // The CRM writes numbers as text, and has its own names.
  if (number % IMPORTED_EVERY === 0)
    return { ...common, Email: `kunde${number}@example.com`, orders: String(orders.length) }
  return {
    ...common,
    $email: `customer${number}@example.com`,
    $name: `Customer ${number}`,
    orders: orders.length,
    newsletter: number % 3 === 0,
    tags: number % 5 === 0 ? ['regular', 'office'] : [],
    address: { zip: String(10_000 + number * 7), country: last?.mp_country_code },
  }
}

function transaction({ properties }: ShopEvent): object {
  return { $amount: properties.total, $time: profileDate(properties.time) }
}

/** Returns how many customers reached each step on each day, with all steps on the same day. */
function funnelDays(events: readonly ShopEvent[], firstDay: string): Record<string, number[]> {
  const byDay = Map.groupBy(events, ({ properties }) => profileDate(properties.time).slice(0, 10))
  const days: Record<string, number[]> = {}
  for (let day = 0; day < DEMO_DAYS; day++) {
    const dayEvents = byDay.get(dayAfter(firstDay, day)) ?? []
    let previous: ReadonlySet<string> | undefined
    days[dayAfter(firstDay, day)] = FUNNEL_STEPS.map((step) => {
      const users = dayEvents.filter(({ event }) => event === step).map(({ properties }) => properties.distinct_id)
      const earlier = previous
      const reached = new Set(earlier === undefined ? users : users.filter((user) => earlier.has(user)))
      previous = reached
      return reached.size
    })
  }
  return days
}

function numberOf(id: string): number {
  return Number(id.slice(id.lastIndexOf('-') + 1))
}

function dayAfter(day: string, days: number): string {
  return new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10)
}

/** Formats a date as Mixpanel does in profiles: without a time zone. */
function profileDate(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19)
}
