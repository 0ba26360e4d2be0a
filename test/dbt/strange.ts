/** Events as they should not be, but are. */

export const STRANGE_DAY = '2026-05-04'
const START = Date.parse(`${STRANGE_DAY}T00:00:00Z`)

/**
 * Names that mean something to SQL, to templates, to models or to mixload, or nothing to anybody.
 */
export const STRANGE_NAMES: readonly string[] = [
  ...[
    'select',
    'Order',
    'order',
    'ORDER',
    'group',
    'user',
    'a b',
    'a.b',
    'a-b',
    '100',
    '__text',
    'plan__text',
    '_more',
  ],
  ...['event', 'name', 'properties', 'insert_id', 'event_id', 'event_name', 'occurred_at', 'date_day', 'person_id'],
  ...['_loaded_at', '_load_id', '_day', '_fivetran_id', '_fivetran_synced', '_rank', 'loaded', 'ranked', 'known'],
  ...['ctid', 'XMIN', 'tableoid', '_time_raw', '_row', '_partitiontime', '_TABLE_SUFFIX', 'rowid', 'filename'],
  ...['browser', '$Browser', 'mp_browser', 'device_id', 'distinct_id_before_identity', 'is_from_future', 'city'],
  ...['it\'s "so"', 'back\\slash', '{{ jinja }}', '{% raw %}', '{# no #}', '$[0].x', '/a~b', '%s', ':x', '?', '*', ' '],
  // Names that YAML reads as something else when they are not in quotes.
  ...['yes', 'No', 'off', '2026-01-01', '12:30', '1_000', '=', '<<', '~', 'tab\there', ' \n'],
  ...['Größe', '😀', '数量', 'İstanbul', 'ﬁ', 'e\u0301', 'x'.repeat(255), 'ß'.repeat(200), 'line\nbreak', 'a\u2028b'],
]

export interface StrangeLine {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
}

/**
 * What a property has in an event: of every kind in turn, so that hardly a column has one type
 * only.
 */
function strangeValue(name: number, line: number): unknown {
  const values = [
    `text ${line}`,
    line + 0.5,
    line % 2 === 0,
    { nested: { list: [1, 'two', null, { 'three "3"': 3 }], empty: {} } },
    ['ü', null, 2],
    null,
    '',
    String(line),
    `${STRANGE_DAY}T10:00:00`,
    `it's {{ "${line}" }} \\ \u2028 😀`,
  ]
  return values[(name + line) % values.length]
}

const everything = (line: number) => Object.fromEntries(STRANGE_NAMES.map((name, at) => [name, strangeValue(at, line)]))

/** What an export may have at first. Each but the last two is an event of its own. */
export function strangeLines(): readonly StrangeLine[] {
  const time = (more: number) => ({ time: START + more * 60_000, mp_processing_time_ms: START + 1e8 + more })
  const names = ['Order', 'order', 'select', '', "it's", '{{ event }}', 'Größe 😀', 'x'.repeat(255), 'a\\b', '$x']
  const lines: readonly StrangeLine[] = [
    ...names.map((event, at) => ({
      event,
      properties: {
        ...time(at),
        distinct_id: `p${at % 3}`,
        $insert_id: `named ${at}`,
        plan: 'pro',
        qty: at,
        flag: true,
      },
    })),
    ...Array.from({ length: 10 }, (_, at) => ({
      event: 'Everything',
      properties: { ...everything(at), ...time(100 + at), distinct_id: `p${at % 3}`, $insert_id: `all ${at}` },
    })),
    { event: 'Nobody', properties: { ...time(200), $insert_id: 'nobody' } },
    { event: 'Nobody', properties: { ...time(201), $insert_id: 'nothing', distinct_id: '' } },
    { event: 'No id', properties: { ...time(202), distinct_id: 'p1' } },
    { event: 'No id', properties: { ...time(202), distinct_id: 'p1', note: 'another' } },
    { event: 'No id', properties: { ...time(203), distinct_id: 'p1', $insert_id: '' } },
    { event: 'Bare', properties: { time: START + 204 * 60_000 } },
    { event: 'Numbers', properties: { ...time(205), distinct_id: 7 as unknown as string, $insert_id: 12.5 } },
    { event: 'Unicode', properties: { ...time(206), distinct_id: "Zoë's 😀", $insert_id: 'ünï' } },
    { event: 'Never', properties: { distinct_id: 'p1', $insert_id: 'never' } },
    { event: 'Long ago', properties: { time: -1, distinct_id: 'p1', $insert_id: 'long ago' } },
    {
      event: 'Future',
      properties: { time: Date.parse('2090-01-01T00:00:00Z'), distinct_id: 'p2', $insert_id: '2090' },
    },
    { event: 'Odd', properties: { ...time(207), distinct_id: 'p2', $insert_id: 'odd', $browser: { a: 1 }, $wifi: [] } },
  ]
  // As received twice: whole, and processed later with another value.
  const again = (line: StrangeLine | undefined, more: object): readonly StrangeLine[] =>
    line === undefined ? [] : [{ event: line.event, properties: { ...line.properties, ...more } }]
  return [...lines, ...again(lines[0], {}), ...again(lines[1], { mp_processing_time_ms: START + 2e8, plan: 'team' })]
}

/**
 * What comes a night later: properties whose values are of another kind now, and ones that nobody
 * had.
 */
export function laterStrangeLines(): readonly StrangeLine[] {
  return Array.from({ length: 6 }, (_, at) => ({
    event: 'Everything',
    properties: {
      ...everything(at + 3),
      plan: at % 2 === 0 ? at : { tier: at },
      qty: at % 2 === 0 ? at : 'many',
      flag: at % 3 === 0 ? [at] : false,
      Late: `late ${at}`,
      'late!': at,
      time: START + (300 + at) * 60_000,
      mp_processing_time_ms: START + 3e8 + at,
      distinct_id: `p${at % 4}`,
      $insert_id: `later ${at}`,
    },
  }))
}
