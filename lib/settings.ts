import envPaths from 'env-paths'
import { z } from 'zod'
import { COLUMN_TYPES } from './columns/column.ts'
import { isUnencrypted } from './core/addresses.ts'
import { bytesIn, SIZE } from './core/byte-sizes.ts'
import { ownTemporaryDirectory } from './core/directories.ts'
import { MixloadError } from './core/errors.ts'
import { didYouMean } from './core/nearest.ts'
import { parseRowLimit, ROW_LIMIT } from './core/row-limit.ts'
import { withoutLogins } from './core/secrets.ts'
import { ID_MERGES } from './mixpanel/id-merge.ts'
import { REGIONS } from './mixpanel/regions.ts'
import { isZone } from './time/days.ts'
import { GIVEN_DAY_FORMS, type GivenDay, parseFirstDay, parseLastDay } from './time/given-day.ts'

/** The streams in the order of loading: cheap ones first, because they share a rate limit. */
export const STREAMS = [
  'export',
  'cohorts',
  'annotations',
  'funnels',
  'revenue',
  'engage',
  'groups',
  'cohort_members',
] as const
/** The name of a stream. */
export type StreamName = (typeof STREAMS)[number]

const list = z
  .union([z.array(z.string()), z.string().transform((text) => text.split(','))], {
    error: 'must be a list, or names separated by commas',
  })
  .transform((items) => items.map((item) => item.trim()).filter((item) => item !== ''))

const flag = z.union(
  [
    z.boolean(),
    z.enum(['true', 'false', '1', '0', 'yes', 'no']).transform((text) => ['true', '1', 'yes'].includes(text)),
  ],
  { error: 'must be true or false' },
)

const count = (least: number, message = `must be a whole number of at least ${least}`) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^-?\d+$/.test(value.trim()) ? Number(value) : value),
    z.int({ error: message }).min(least, message),
  )

const LOST_DIGITS = 'is a number that may have lost digits: write it in quotes'
const isInexact = (value: unknown) => Number.isInteger(value) && !Number.isSafeInteger(value)

/** An id of digits. A number that JavaScript does not hold exactly may have lost some. */
const id = (pattern: RegExp, rule: string) =>
  z.preprocess(
    (value) => (typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value),
    z.string({ error: ({ input }) => (isInexact(input) ? LOST_DIGITS : rule) }).regex(pattern, rule),
  )

const day = (parse: (text: string) => GivenDay | undefined) =>
  z.preprocess(
    // YAML reads a year as a number.
    (value) => parse(String(value)),
    z.custom<GivenDay>((given) => given !== undefined, `must be ${GIVEN_DAY_FORMS}`),
  )
const zone = z.string().refine(isZone, { error: 'must be an IANA time zone such as Europe/Berlin, not an offset' })
const size = z.string().regex(SIZE, 'must be a size such as 400MB')
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' })

const rowLimit = (rule: string) =>
  z.preprocess(
    (value) => (typeof value === 'number' ? String(value) : value),
    z.string({ error: rule }).regex(ROW_LIMIT, rule).transform(parseRowLimit),
  )

/** What a setting may be and what it means. Its name is its key in mixload.yaml. */
interface Setting {
  readonly schema: z.ZodType
  readonly describe: string
  /** False for settings without a flag, such as secrets, which do not belong on a command line. */
  readonly flag?: false
  /** The default that help shows, where the schema's own would say too little. */
  readonly default?: string
}

const text = z.string().min(1)
/** A file or a variable often has a line break at its end, which no secret has. */
const secret = z.string().trim().min(1)
const oneOf = <const T extends readonly string[]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` })
const names = list.pipe(z.array(z.string()).min(1))
const off = flag.default(false)

/** Every setting, in the order of the help. docs/settings.md is generated from this. */
export const SETTINGS = {
  destination: {
    schema: text.default('duckdb:warehouse.duckdb'),
    describe:
      'Where to load: duckdb:PATH, postgres://USER@HOST/DATABASE, bigquery://PROJECT/DATASET, parquet:DIRECTORY or npm-package:NAME',
  },
  schema: { schema: text.max(63).default('mixpanel'), describe: 'Schema (dataset) in the destination' },
  bigqueryEndpoint: { schema: httpUrl.optional(), describe: 'URL of a BigQuery emulator' },
  streams: {
    schema: list
      .pipe(z.array(oneOf(STREAMS)).min(1))
      .default([...STREAMS])
      .transform((named) => STREAMS.filter((stream) => named.includes(stream))),
    describe: `Streams to load, comma-separated: ${STREAMS.join(', ')}`,
    default: 'all',
  },
  from: { schema: day(parseFirstDay).optional(), describe: 'First day: 2026-08-31, 2026-08, 2026 or 30d (days ago)' },
  to: {
    schema: day(parseLastDay).optional(),
    describe: 'Last day: 2026-08-31, 2026-08, 2026 or 7d (days ago)',
    default: "yesterday in the project's timezone",
  },
  region: {
    schema: oneOf(REGIONS).default('us'),
    describe: `Where the project's data lives: ${REGIONS.join(', ')}`,
  },
  apiUrl: { schema: httpUrl.optional(), describe: "URL to use instead of Mixpanel's hosts" },
  allowHttp: { schema: off, describe: 'Allow http:// URLs of other machines, which everybody on the way can read' },
  projectId: {
    schema: id(/^\d+$/, 'must be a number').optional(),
    describe: 'Project id; required with a service account',
  },
  serviceAccount: { schema: secret.optional(), flag: false, describe: 'User name of a service account' },
  serviceAccountSecret: { schema: secret.optional(), flag: false, describe: 'Secret of the service account' },
  apiSecret: {
    schema: secret.optional(),
    flag: false,
    describe: 'Project secret, instead of a service account; Mixpanel ends project secrets on 3 March 2027',
  },
  token: { schema: secret.optional(), flag: false, describe: 'Project token, for track, engage, alias and import' },
  timezone: { schema: zone.optional(), describe: "The project's time zone", default: 'from Mixpanel, else UTC' },
  legacyTime: { schema: off, describe: 'Times are local: for projects older than 2023' },
  idMerge: {
    schema: oneOf(['auto', ...ID_MERGES]).default('auto'),
    describe: 'How the project merges ids: original, simplified, or auto to see it from the events',
  },
  attributionWindow: {
    schema: count(0).default(5),
    describe: 'Days that sync reads again, because events arrive late',
  },
  funnelWindow: {
    schema: count(0).default(90),
    describe:
      'Days of funnels that sync reads again, because people still complete them: the longest conversion window',
  },
  lateArrivals: { schema: off, describe: 'Also load events of older days that arrived late; costs one more request' },
  events: { schema: names.optional(), describe: 'Only these events, comma-separated', default: 'all' },
  includeProperties: {
    schema: list.optional(),
    describe: 'Only these properties of events and profiles, comma-separated; * matches any characters',
    default: 'all',
  },
  excludeProperties: {
    schema: list.optional(),
    describe: 'Not these properties of events and profiles, comma-separated; * matches any characters',
  },
  newProperties: {
    schema: oneOf(['capture', 'ignore']).default('capture'),
    describe: 'What to do with new properties: capture or ignore',
  },
  maxRejects: {
    schema: rowLimit('must be a number of lines such as 100, or a share of at most 100% such as 0.5%').optional(),
    describe: 'Fail if more than N lines of a run, or P% of the lines of a commit, are rejected',
    default: 'no limit',
  },
  maxRemoved: {
    schema: rowLimit('must be a number of rows such as 100, or a share of at most 100% such as 50%').default({
      kind: 'percent',
      most: 50,
    }),
    describe:
      'Keep the old rows if a replacement would remove more than N rows, or P%, of a day or table; 100% allows all',
    default: '50%',
  },
  maxColumns: {
    schema: count(20).default(1000),
    describe: 'The most columns per table; further properties go to the JSON column _more',
  },
  columns: {
    schema: z.record(z.string(), oneOf(COLUMN_TYPES)).default({}),
    flag: false,
    describe: `Types of properties, by name: ${COLUMN_TYPES.join(', ')}`,
  },
  inferTypes: {
    schema: off,
    describe:
      'Give a new property whose values in its first load are all ISO dates, ISO timestamps or whole numbers that type',
  },
  lexicon: {
    schema: off,
    describe: "Describe properties in the words of Mixpanel's Lexicon; needs a service account",
  },
  write: {
    schema: oneOf(['append', 'replace']).default('append'),
    describe: 'append: add rows; replace: replace each day that is read',
  },
  sliceDays: {
    schema: count(1).optional(),
    describe: 'Days per request',
    default: 'as few as the request budget allows',
  },
  requestsPerHour: { schema: count(0).default(60), describe: 'Export requests per hour; 0 for no limit' },
  requestsPerSecond: { schema: count(0).default(3), describe: 'Export requests per second; 0 for no limit' },
  requestsAtOnce: {
    schema: count(1).default(10),
    describe: 'Concurrent export requests; what comes before its turn waits in the spool',
  },
  spoolAhead: {
    schema: size.default('256MB').transform(bytesIn),
    describe: 'Request no further days while so much waits in the spool to be read or loaded',
    default: '256MB',
  },
  queryRequestsPerHour: {
    schema: count(0).default(60),
    describe: 'Requests per hour for all other streams; 0 for no limit',
  },
  queryRequestsAtOnce: {
    schema: count(0).default(5),
    describe: 'Concurrent requests for all other streams; 0 for no limit',
  },
  engagePageSize: {
    schema: count(1).optional(),
    describe: 'Profiles per request; each page counts as one request',
    default: '1000, or up to 10000 where Mixpanel grants it and there are many',
  },
  engageWhere: {
    schema: text.optional(),
    describe: 'Only profiles for which this expression holds, such as properties["plan"] == "pro"',
    default: 'all',
  },
  engageProperties: {
    schema: names.optional(),
    describe: 'Request only these properties of profiles, comma-separated; much faster',
    default: 'all',
  },
  engageHistory: { schema: off, describe: 'Keep earlier states of profiles in the view engage_history' },
  includeAllUsers: { schema: flag.default(true), describe: 'Include cohort members without a profile' },
  groups: {
    schema: z.record(text, id(/^-?\d+$/, 'must be the data group id, a number')).default({}),
    flag: false,
    describe: 'Group keys whose profiles to load, each with its data group id in quotes, because it is a long number',
  },
  idleTimeout: { schema: count(1).default(300), describe: 'Fail a response after so many seconds of silence' },
  firstByteTimeout: {
    schema: count(1).default(1200),
    describe: 'Seconds to wait for the first byte of a response; a big day takes minutes',
  },
  memoryLimit: {
    schema: size.optional(),
    describe: 'Memory limit of the transform engine, which then uses the disk',
    default: '200MB plus 1MB per column and thread',
  },
  spoolDir: {
    schema: text.default(ownTemporaryDirectory),
    describe: 'Directory for downloaded data that is not loaded yet',
    default: "mixload-UID in the system's temporary directory",
  },
  stateDir: {
    schema: text.default(() => envPaths('mixload', { suffix: '' }).log),
    describe: 'Directory for the request budget that runs share',
    default: "mixload in the user's state directory",
  },
} as const satisfies Record<string, Setting>

/** The name of a setting: its key in mixload.yaml. */
export type SettingName = keyof typeof SETTINGS
/** The settings that have a flag. */
export type FlagName = {
  [Name in SettingName]: (typeof SETTINGS)[Name] extends { readonly flag: false } ? never : Name
}[SettingName]

/** All settings, validated. */
export type Settings = { readonly [Name in SettingName]: z.output<(typeof SETTINGS)[Name]['schema']> }

const NAMES = Object.keys(SETTINGS) as SettingName[]

/** The settings that have a flag, in the order of the help. */
export const FLAGS = NAMES.filter((name): name is FlagName => !('flag' in SETTINGS[name]))

/** What describes the project: these variables begin with MIXPANEL, all others with MIXLOAD. */
const OF_PROJECT: readonly SettingName[] = [
  ...(['region', 'apiUrl', 'projectId', 'timezone', 'legacyTime', 'idMerge'] as const),
  ...(['serviceAccount', 'serviceAccountSecret', 'apiSecret', 'token'] as const),
]
const WITHOUT_VARIABLE: readonly SettingName[] = ['from', 'to', 'columns', 'groups']

/** A setting's flag, such as `--slice-days`. */
export function flagOf(name: SettingName): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

const NAMES_BY_FLAG = new Map<string, string>(NAMES.map((name) => [flagOf(name), `\`${name}\``]))

/** A message for programs: it calls settings by their names instead of their flags. */
export function withoutFlags(message: string): string {
  return message.replace(/--[a-z]+(?:-[a-z]+)*/g, (flag) => NAMES_BY_FLAG.get(flag) ?? flag)
}

/** A setting's environment variable, such as `MIXLOAD_SLICE_DAYS`; undefined if it has none. */
export function variableOf(name: SettingName): string | undefined {
  if (WITHOUT_VARIABLE.includes(name)) return undefined
  const words = name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
  return `${OF_PROJECT.includes(name) ? 'MIXPANEL' : 'MIXLOAD'}_${words}`
}

/** A setting's default in words; undefined if it has none. */
export function defaultOf(name: SettingName): string | undefined {
  const { schema, default: shown }: Setting = SETTINGS[name]
  const value = schema.parse(undefined)
  if (shown !== undefined || value === undefined || typeof value === 'object') return shown
  return value === false ? 'off' : String(value)
}

/** Values from one source, by setting, not yet validated. */
export type RawSettings = Readonly<Record<string, unknown>>

/**
 * The settings in environment variables. An empty variable counts as unset. Line breaks at the end,
 * which a secret from a file may have, do not count.
 */
export function settingsFromEnvironment(environment: Readonly<Record<string, string | undefined>>): RawSettings {
  return Object.fromEntries(
    NAMES.flatMap((name) => {
      const value = environment[variableOf(name) ?? '']?.replace(/[\r\n]+$/, '')
      return value ? [[name, value]] : []
    }),
  )
}

/**
 * Validates and merges the sources: flags precede the environment, and that the file. @throws
 * MixloadError CONFIG_INVALID with every invalid setting, its value and what is allowed. `hidden`:
 * settings of the file whose values no message may show.
 */
export function resolveSettings(
  flags: RawSettings,
  environment: RawSettings,
  file: RawSettings,
  hidden: ReadonlySet<string> = new Set(),
): Settings {
  return validated(file, 'mixload.yaml: ', (name) => {
    if (flags[name] !== undefined) return [flags[name], flagOf(name)]
    if (environment[name] !== undefined) return [environment[name], variableOf(name) ?? name]
    return [file[name], `mixload.yaml: ${name}`, hidden.has(name)]
  })
}

/** The settings of a program, with defaults. Throws as {@link resolveSettings} does. */
export function settingsFrom(given: RawSettings): Settings {
  return validated(given, '', (name) => [given[name], name])
}

/** `named` may have unknown names. `sourceOf`: a setting's value, and how messages call it. */
function validated(
  named: object,
  prefix: string,
  sourceOf: (name: SettingName) => readonly [value: unknown, source: string, isHidden?: boolean],
): Settings {
  const unknown = Object.keys(named).filter((key) => !Object.hasOwn(SETTINGS, key))
  const problems = unknown.map((key) => {
    const known = didYouMean(key, NAMES) || ` Known settings: ${NAMES.join(', ')}`
    return `${prefix}unknown setting ${key}.${known}`
  })
  const settings: Record<string, unknown> = {}
  for (const name of NAMES) {
    const setting: Setting = SETTINGS[name]
    const [value, source, isHidden] = sourceOf(name)
    const parsed = setting.schema.safeParse(value)
    if (parsed.success) settings[name] = parsed.data
    else
      problems.push(problemOf(isHidden === true ? { ...setting, flag: false } : setting, source, value, parsed.error))
  }
  if (settings.allowHttp === false)
    problems.push(...unencryptedUrls(settings).map((name) => refusal(sourceOf(name)[1])))
  if (problems.length > 0) throw new MixloadError('CONFIG_INVALID', problems.join('\n'))
  return settings as Settings
}

/** The settings with a URL that would send secrets or data unencrypted to another machine. */
function unencryptedUrls({ apiUrl, bigqueryEndpoint, destination }: Readonly<Record<string, unknown>>): SettingName[] {
  const [scheme = '', query] = String(destination).split('?')
  const endpoint = scheme.startsWith('bigquery:') ? new URLSearchParams(query).get('endpoint') : undefined
  const urls: Readonly<Record<string, unknown>> = { apiUrl, bigqueryEndpoint, destination: endpoint }
  return NAMES.filter((name) => isUnencrypted(String(urls[name])))
}

function refusal(source: string): string {
  return `${source}: http:// sends secrets and data unencrypted to another machine. Use https://, or allow it with --allow-http.`
}

function problemOf(setting: Setting, source: string, value: unknown, error: z.ZodError): string {
  const wrong = error.issues.map((issue) => issue.message).join('; ')
  // A setting without a flag may be a secret, so its value is not shown.
  const shown = setting.flag === false ? 'the given value' : withoutLogins(JSON.stringify(value))
  return `${source}: ${shown} is not valid: ${wrong}. Meaning: ${setting.describe}.`
}
