import { type FixedColumn, fixed } from '../columns/catalogue.ts'
import { latestName } from '../columns/naming.ts'
import { columnsOf, LEDGER_TABLES as LEDGER } from '../destination/ledger.ts'
import { type Settings, STREAMS } from '../settings.ts'
import { streamsOf } from '../streams/index.ts'
import type { PropertyDescriptions } from './lexicon.ts'

/** What is known about a table, whether or not it exists. */
export interface KnownTable {
  readonly name: string
  readonly description: string
  readonly columns: readonly FixedColumn[]
  readonly properties: PropertyDescriptions
  /** The columns that identify a row; empty if none do. */
  readonly key: readonly string[]
  /** The streams of its loads in the ledger; empty if it has no loads of its own. */
  readonly streams: readonly string[]
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  export:
    'Rows of the raw export, with each event as often as it was loaded. Models should read export_latest, or events of the package mixload',
  engage: 'Profiles of people, as last read',
  cohorts: 'Saved cohorts, as last read',
  cohort_members: 'Members of the saved cohorts, as last read',
  annotations: 'Annotations, as last read',
  funnels: 'Saved funnels: one row per funnel, day and time of reading',
  funnel_steps: 'Steps of the saved funnels: one row per funnel, day, step and time of reading',
  revenue: 'Revenue: one row per day and time of reading',
}

/** The tables of all streams and configured groups, and the views of their latest rows. */
export function knownTables(settings: Settings): readonly KnownTable[] {
  // The column of local times stays when the setting is removed.
  const streams = STREAMS.flatMap((name) => streamsOf(name, { ...settings, legacyTime: true }))
  return streams.flatMap((stream) =>
    stream.tables.flatMap((table): readonly KnownTable[] => {
      const isReplaced = stream.replication === 'full-table'
      const known = {
        name: table.name,
        description: DESCRIPTIONS[table.name] ?? 'Profiles of groups, as last read',
        columns: table.columns,
        properties: table.properties,
        key: isReplaced ? table.key : [],
        streams: [...new Set([table.name, stream.name])],
      }
      // Rows without a key have views of their own: see EVENT_VIEWS.
      if (table.key.length === 0) return [known]
      const latest = { name: latestName(table.name), columns: [], properties: {}, key: table.key, streams: [] }
      return [known, { ...latest, description: `The latest rows of ${table.name}` }]
    }),
  )
}

/** The views over events. */
export const EVENT_VIEWS: readonly KnownTable[] = [
  {
    name: 'export_latest',
    description: "Each event once, by Mixpanel's own rule, without events deleted in Mixpanel",
    key: ['event_id'],
  },
  { name: 'export_latest_by_time', description: 'Each event once, by person, name and time' },
  {
    name: 'identities',
    description: 'Maps each id that Mixpanel has linked to another one to the id that represents the person now',
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
