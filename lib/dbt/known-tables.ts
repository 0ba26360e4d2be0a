import { type FixedColumn, fixed } from '../columns/catalogue.ts'
import { latestName } from '../columns/naming.ts'
import { columnsOf, LEDGER_TABLES as LEDGER } from '../destination/ledger.ts'
import { type Settings, STREAMS } from '../settings.ts'
import { streamsOf } from '../streams/index.ts'

/** What is known of a table before any column of it is. */
export interface KnownTable {
  readonly name: string
  readonly description: string
  readonly columns: readonly FixedColumn[]
  /** Descriptions of properties, by name. */
  readonly properties: Readonly<Record<string, { readonly description: string }>>
  /** The columns that tell its rows apart; none where nothing does. */
  readonly key: readonly string[]
  /** As the ledger names its loads; none where it has no loads of its own. */
  readonly streams: readonly string[]
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  export:
    'Rows of the raw export: an event as often as it was loaded. Models read export_latest, or events of the package mixload',
  engage: 'Profiles of people, as they were read last',
  cohorts: 'Saved cohorts, as they were read last',
  cohort_members: 'Members of the saved cohorts, as they were read last',
  annotations: 'Annotations, as they were read last',
  funnels: 'Saved funnels, a row a funnel and day, each time they were read',
  funnel_steps: 'Steps of the saved funnels, a row a funnel, day and step, each time they were read',
  revenue: 'Revenue, a row a day, each time it was read',
}

/**
 * The tables of all streams, those of groups as the settings name them, and the views of their
 * latest rows.
 */
export function knownTables(settings: Settings): readonly KnownTable[] {
  // Local times leave a column that stays when the setting goes.
  const streams = STREAMS.flatMap((name) => streamsOf(name, { ...settings, legacyTime: true }))
  return streams.flatMap((stream) =>
    stream.tables.flatMap((table): readonly KnownTable[] => {
      const isReplaced = stream.replication === 'full-table'
      const known = {
        name: table.name,
        description: DESCRIPTIONS[table.name] ?? 'Profiles of groups, as they were read last',
        columns: table.columns,
        properties: table.properties,
        key: isReplaced ? table.key : [],
        streams: [...new Set([table.name, stream.name])],
      }
      // Rows without a key have views of their own: see EVENT_VIEWS.
      if (table.key.length === 0) return [known]
      const latest = { name: latestName(table.name), columns: [], properties: {}, key: table.key, streams: [] }
      return [known, { ...latest, description: `Rows of ${table.name} that were loaded last` }]
    }),
  )
}

/** The views over events. */
export const EVENT_VIEWS: readonly KnownTable[] = [
  { name: 'export_latest', description: "Events, once each by Mixpanel's own rule" },
  { name: 'export_latest_by_time', description: 'Events, once each by person, name and time' },
  {
    name: 'identities',
    description: 'From each id that Mixpanel has joined to another to the id that stands for the person now',
    key: ['original_id'],
  },
].map((view) => ({ key: [], columns: [], properties: {}, streams: [], ...view }))

/** The tables of the ledger. */
export const LEDGER_TABLES: readonly KnownTable[] = LEDGER.map((table) => ({
  name: table.name,
  description: table.description,
  columns: columnsOf(table).map(({ name, type, description }) => fixed(name, type, description)),
  properties: {},
  key: table.key === undefined ? [] : [table.key],
  streams: [],
}))
