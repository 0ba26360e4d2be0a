import type { Random } from './random.ts'
import type { Value } from './values.ts'
import * as values from './values.ts'

/**
 * Returns one line of a raw export, without its newline, for an event at `time`, in milliseconds.
 */
export type EventMaker = (random: Random, time: number) => string

/** The longest time from an event to its processing, in milliseconds. */
const PROCESSING_MS_MAX = 90_000

/** The start of a property's JSON, which has its name, and its value. */
type Property = readonly [key: string, value: Value]

const EVENT_NAMES = values.textOf(
  'Page Viewed',
  'Product Viewed',
  'Added to Cart',
  'Checkout Started',
  'Order Completed',
  'Search',
  'Signed Up',
  '$mp_web_page_view',
)

const CITIES = values.textOf('Berlin', 'Zürich', 'São Paulo', 'Tokyo', '大阪市', 'New York', 'Kraków', 'Łódź', 'Paris')

/**
 * Together with the four of {@link startOfLine} there are 35 properties. A line has about 650
 * bytes.
 */
const SHOP_PROPERTIES = properties({
  $city: values.sometimesNull(3, CITIES),
  mp_country_code: values.textOf('DE', 'CH', 'BR', 'JP', 'US', 'PL', 'FR'),
  $os: values.textOf('iOS', 'Android', 'Windows', 'Mac OS X', 'Linux'),
  $browser: values.textOf('Chrome', 'Safari', 'Firefox', 'Mobile Safari', 'Edge'),
  $browser_version: values.integer(90, 126),
  $screen_width: values.integer(320, 3840),
  mp_lib: values.textOf('web', 'swift', 'android'),
  $lib_version: values.textOf('2.45.0', '2.47.0', '2.49.1', '4.2.7'),
  $user_id: values.sometimesNull(30, values.numbered('u', 200_000)),
  page: values.textOf('/', '/cart', '/checkout', '/p/lamp', '/p/chair', '/search', '/account/orders'),
  plan: values.textOf('free', 'pro', 'team', 'enterprise'),
  price: values.decimal(500),
  qty: values.integer(1, 9),
  total: values.decimal(5000),
  is_new: values.boolean,
  sku: values.numbered('SKU-', 9000),
  load_ms: values.integer(20, 4000),
  variants: values.list(values.textOf('a', 'b', 'control'), 3),
  cart: values.object({ items: values.integer(0, 12), value: values.decimal(900) }),
  vip: values.boolean,
  lang: values.textOf('de', 'en', 'fr', 'pt', 'ja', 'pl'),
  step: values.integer(1, 6),
  query: values.sometimesNull(60, values.textOf('lamp', 'office chair', 'bücherregal', '椅子', 'say "hi"', 'desk')),
  score: values.decimal(1),
  coupon: values.sometimesNull(85, values.textOf('SPRING', 'WELCOME10', 'FRIENDS')),
  team: values.textOf('north', 'south', 'east', 'west'),
  seats: values.integer(1, 50),
  theme: values.textOf('dark', 'light'),
  tags: values.list(values.textOf('sale', 'new', 'gift', 'eco'), 2),
  since: values.day,
  rank: values.integer(1, 500),
})

/** Events of a web shop. All have the same properties. */
export const shopEvent: EventMaker = (random, time) => {
  let line = startOfLine(random, time)
  for (const [key, value] of SHOP_PROPERTIES) line += key + value(random)
  return `${line}}}`
}

const AREAS = [
  'account',
  'billing',
  'cart',
  'catalog',
  'checkout',
  'consent',
  'coupon',
  'delivery',
  'editor',
  'experiment',
  'export',
  'feed',
  'invite',
  'invoice',
  'landing',
  'login',
  'mail',
  'map',
  'media',
  'onboarding',
  'order',
  'payment',
  'player',
  'profile',
  'push',
  'report',
  'search',
  'settings',
  'team',
  'upload',
]
const ASPECTS = [
  'amount',
  'attempt',
  'author',
  'campaign',
  'category',
  'channel',
  'code',
  'color',
  'count',
  'currency',
  'device',
  'discount',
  'duration',
  'enabled',
  'error',
  'format',
  'group',
  'height',
  'id',
  'index',
  'is_default',
  'is_first',
  'items',
  'kind',
  'label',
  'language',
  'latency',
  'level',
  'limit',
  'list',
  'method',
  'mode',
  'name',
  'origin',
  'page',
  'position',
  'price',
  'rating',
  'reason',
  'result',
  'role',
  'score',
  'size',
  'source',
  'state',
  'status',
  'step',
  'title',
  'total',
  'version',
]

const WIDE_PROPERTIES_PER_EVENT = 40
/** How many properties {@link startOfLine} writes. */
const PROPERTIES_AT_START = 4

const WIDE_KINDS: readonly [Value, ...Value[]] = [
  values.integer(0, 10_000),
  values.textOf('none', 'small', 'medium', 'large', 'größer', 'très grand'),
  values.decimal(1000),
  values.boolean,
  values.token(8),
  values.sometimesNull(20, values.numbered('ref-', 5000)),
  values.integer(0, 9),
  values.textOf('on', 'off', 'auto'),
  values.list(values.textOf('x', 'y', 'z'), 3),
  values.object({ n: values.integer(0, 99), unit: values.textOf('px', 'ms', 'km') }),
]

const WIDE_PROPERTIES = AREAS.flatMap((area) => ASPECTS.map((aspect) => `${area}_${aspect}`)).map(
  (name, index): Property => [keyOf(name), WIDE_KINDS[index % WIDE_KINDS.length] ?? values.boolean],
)

/**
 * Events of a company in which each team adds properties: each has 40 random ones of so many, at
 * most 1,500.
 */
export function wideEvent(propertyCount: number): EventMaker {
  const optional = WIDE_PROPERTIES.slice(0, propertyCount - PROPERTIES_AT_START)
  return (random, time) => {
    let line = startOfLine(random, time)
    const chosen = new Set<number>()
    while (chosen.size < WIDE_PROPERTIES_PER_EVENT - PROPERTIES_AT_START) chosen.add(random.below(optional.length))
    for (const index of chosen) {
      const property = optional[index]
      if (property !== undefined) line += property[0] + property[1](random)
    }
    return `${line}}}`
  }
}

function startOfLine(random: Random, time: number): string {
  const processed = time + random.between(200, PROCESSING_MS_MAX)
  return (
    `{"event":${EVENT_NAMES(random)},"properties":{"time":${time},"distinct_id":"u${random.below(200_000)}",` +
    `"$insert_id":"${random.token(16)}","mp_processing_time_ms":${processed}`
  )
}

function properties(all: Readonly<Record<string, Value>>): readonly Property[] {
  return Object.entries(all).map(([name, value]) => [keyOf(name), value])
}

function keyOf(name: string): string {
  return `,${JSON.stringify(name)}:`
}
