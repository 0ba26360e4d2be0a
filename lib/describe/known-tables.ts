import { fixed } from '../columns/catalogue.ts'
import { latestName } from '../columns/naming.ts'
import { PROFILE_PROPERTIES } from '../columns/profile-catalogue.ts'
import { columnsOf, LEDGER_TABLES as LEDGER } from '../destination/ledger.ts'
import { type Settings, STREAMS } from '../settings.ts'
import { streamsOf } from '../streams/index.ts'
import { CHANGE_COLUMNS, CHANGES_TABLE } from '../transform/profile-changes.ts'
import type { KnownColumns } from './sentences.ts'

/** What is known about a table or view, whether or not it exists. */
export interface KnownTable extends KnownColumns {
  readonly name: string
  readonly description: string
  /** The columns that identify a row; empty if none do. */
  readonly key: readonly string[]
  /** The streams of its loads in the ledger; empty if it has no loads of its own. */
  readonly streams: readonly string[]
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  export:
    'Rows of the raw export, with earlier versions and copies of events. Models should read export_latest, or events of the package mixload',
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
  const ofStreams = streams.flatMap((stream) =>
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
      // Rows without a key have views of their own: see OTHER_VIEWS.
      if (table.key.length === 0) return [known]
      const latest = { name: latestName(table.name), columns: [], properties: {}, key: table.key, streams: [] }
      return [known, { ...latest, description: `The latest rows of ${table.name}` }]
    }),
  )
  return [...ofStreams, CHANGES]
}

/** The table of changes of profiles. */
const CHANGES: KnownTable = {
  name: CHANGES_TABLE,
  description: 'Changes of profiles: one row for each time that one was new, changed or gone. Query engage_history',
  columns: CHANGE_COLUMNS,
  properties: PROFILE_PROPERTIES,
  key: [],
  streams: [CHANGES_TABLE],
}

/** The views that are not simply the latest rows of a table. */
export const OTHER_VIEWS: readonly KnownTable[] = [
  {
    name: 'export_latest',
    description: "Each event once, by Mixpanel's own rule, without events deleted in Mixpanel",
    key: ['event_id'],
  },
  { name: 'export_latest_by_time', description: 'Each event once, by person, name and time' },
  {
    name: 'identities',
    description: 'Maps each id that Mixpanel has linked to another one to the id that represents the person now',
    columns: [
      fixed('original_id', 'text', 'Id that was merged into another'),
      fixed('resolved_id', 'text', 'Id that stands for the person now'),
    ],
    key: ['original_id'],
  },
  {
    name: '_mixload_more',
    description: 'Properties that have no column of their own, and how many rows of which table have each in _more',
    columns: [
      fixed('table_name', 'text', 'Table'),
      fixed('property', 'text', 'Property, as it is called in _more'),
      fixed('row_count', 'bigint', 'Rows that have it'),
    ],
  },
  {
    name: '_mixload_companions',
    description: 'Columns with values that do not fit into the column of their property, and how many each has',
    columns: [
      fixed('table_name', 'text', 'Table'),
      fixed('column_name', 'text', 'Column that the values do not fit into'),
      fixed('companion_column', 'text', 'Column that has them, as text'),
      fixed('property', 'text', 'Property, as Mixpanel spells it'),
      fixed('value_count', 'bigint', 'Rows that have such a value'),
      fixed('example', 'text', 'The beginning of one of them'),
    ],
  },
  {
    name: 'engage_history',
    description: 'States of profiles: one row for each state that a profile was in, and from when until when',
    columns: [
      fixed('valid_from', 'timestamptz', 'When mixload first saw the state'),
      fixed('valid_to', 'timestamptz', 'When mixload first saw another state, or none; null for the present state'),
      fixed('distinct_id', 'text', 'Person the profile belongs to'),
    ],
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
