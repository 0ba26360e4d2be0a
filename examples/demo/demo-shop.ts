import { Random } from '../../bench/random.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

export const DEMO_DAYS = 14
const LINES = 5000
/** One in this many lines is a duplicate of an earlier event. */
const REPEAT_EVERY = 60
/** From this day on, a new version of the app sends some discounts as text. */
const TEXT_DISCOUNTS_FROM = 7
/** Larger than 2^53, so that a program that reads it as a usual number loses its last digits. */
const FIRST_ORDER_ID = 7_204_118_933_072_640_001n

const PRODUCTS: readonly [Product, ...Product[]] = [
  { product: 'Desk lamp', price: 39.9, tags: ['light', 'office'] },
  { product: 'Oak desk', price: 429, tags: ['furniture', 'office', 'new'] },
  { product: 'Office chair', price: 189.5, tags: ['furniture', 'office'] },
  { product: 'Bücherregal', price: 99, tags: ['furniture'] },
  { product: 'Tea set 茶', price: 54.25, tags: [] },
]
const CITIES: readonly [City, ...City[]] = [
  { $city: 'Berlin', mp_country_code: 'DE' },
  { $city: 'Zürich', mp_country_code: 'CH' },
  { $city: 'São Paulo', mp_country_code: 'BR' },
  { $city: '大阪市', mp_country_code: 'JP' },
]
const PLANS = ['free', 'basic', 'premium'] as const

interface Product {
  readonly product: string
  readonly price: number
  readonly tags: readonly string[]
}

interface City {
  readonly $city: string
  readonly mp_country_code: string
}

interface DemoEvent {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
}

/**
 * Returns two weeks of a small shop as lines of a raw export, with the problems of real exports:
 * duplicate events, a property whose type varies, two properties that differ only in case, a list,
 * an object, and an integer that is too long for a usual number. Except for the dates, the data is
 * always the same.
 */
export function shopLines(firstDay: string): readonly string[] {
  const random = new Random(14)
  const events: DemoEvent[] = []
  while (events.length < LINES) {
    const earlier = events.length % REPEAT_EVERY === REPEAT_EVERY - 1 ? events[random.below(events.length)] : undefined
    events.push(earlier === undefined ? shopEvent(random, firstDay, events.length) : duplicateOf(earlier, random))
  }
  return events.map(toJson)
}

function shopEvent(random: Random, firstDay: string, index: number): DemoEvent {
  const day = randomDay(random)
  const time = Date.parse(`${firstDay}T00:00:00Z`) + day * DAY_MS + random.below(DAY_MS)
  const { event, properties } = randomAction(random, day, index)
  return {
    event,
    properties: {
      time,
      distinct_id: `customer-${random.below(800)}`,
      $insert_id: random.token(16),
      mp_processing_time_ms: time + random.between(200, 5000),
      ...random.pick(CITIES),
      $os: random.pick(['iOS', 'Android', 'Windows']),
      ...properties,
    },
  }
}

/** Chooses a day. Each day has slightly more events than the day before. */
function randomDay(random: Random): number {
  for (;;) {
    const day = random.below(DEMO_DAYS)
    if (random.below(2 * DEMO_DAYS) < DEMO_DAYS + day) return day
  }
}

function randomAction(random: Random, day: number, index: number): DemoEvent {
  const item = random.pick(PRODUCTS)
  const quantity = random.between(1, 3)
  const total = cents(item.price * quantity)
  const draw = random.below(100)
  if (draw < 55) return { event: 'Product Viewed', properties: { ...item } }
  if (draw < 80) {
    return { event: 'Added to Cart', properties: { ...item, quantity, cart: { items: quantity, value: total } } }
  }
  if (draw < 92) {
    const order_id = FIRST_ORDER_ID + BigInt(index)
    return { event: 'Order Completed', properties: { order_id, total, quantity, discount: discount(random, day) } }
  }
  // The web site and the app spell this property differently.
  const plan = random.pick(PLANS)
  return { event: 'Signed Up', properties: random.chance(50) ? { plan } : { Plan: plan } }
}

function discount(random: Random, day: number): number | string | null {
  if (day >= TEXT_DISCOUNTS_FROM && random.chance(40)) return random.pick(['10 %', 'free shipping'])
  return random.pick([5, 10, 12.5, null])
}

/** Returns the same event, processed hours later. Mixpanel exports both. */
function duplicateOf({ event, properties }: DemoEvent, random: Random): DemoEvent {
  const processed = Number(properties.mp_processing_time_ms) + random.between(1, 30) * HOUR_MS
  return { event, properties: { ...properties, mp_processing_time_ms: processed } }
}

/**
 * Returns JSON with all digits of long integers: they are written as text first, whose quotes are
 * then removed.
 */
function toJson(event: DemoEvent): string {
  const json = JSON.stringify(event, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
  return json.replaceAll(/"(\d{17,})n"/g, '$1')
}

function cents(amount: number): number {
  return Math.round(amount * 100) / 100
}
