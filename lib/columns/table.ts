import { type CatalogueEntry, type FixedColumn, LOAD_COLUMNS } from './catalogue.ts'

/** How a line of JSON holds a record: which member names it, and which one has its properties. */
export interface LineShape {
  /** What messages call such a record, such as `event`. */
  readonly noun: string
  /** The member with the record's name or id, a text; undefined if records have none. */
  readonly identity: string | undefined
  /** The member whose members are the record's properties. */
  readonly properties: string
  /** Whether the properties `time` and `$insert_id` identify the record. */
  readonly isTimed: boolean
}

/** Events as the raw export has them: `{"event":"…","properties":{…}}`. */
export const EVENT_LINES: LineShape = { noun: 'event', identity: 'event', properties: 'properties', isTimed: true }

/** Profiles as the profile query has them: `{"$distinct_id":"…","$properties":{…}}`. */
export const PROFILE_LINES: LineShape = {
  noun: 'profile',
  identity: '$distinct_id',
  properties: '$properties',
  isTimed: false,
}

/** Records that are nothing but properties: `{"properties":{…}}`. */
export const RECORD_LINES: LineShape = {
  noun: 'record',
  identity: undefined,
  properties: 'properties',
  isTimed: false,
}

/** A table that a stream fills. Properties that have no fixed column get columns as they come. */
export interface StreamTable {
  readonly name: string
  /** The columns it always has, in this order, `_loaded_at` and `_load_id` last. */
  readonly columns: readonly FixedColumn[]
  readonly lines: LineShape
  /** The text column of a record's identity; undefined if records have none. */
  readonly identity?: string
  /** The columns that identify a row; of equal rows in a load the last stays. Empty: all stay. */
  readonly key: readonly string[]
  /** Names that no property's column takes, because views over the table need them. */
  readonly reserved?: readonly string[]
  /** Properties that are known before one has been seen, by name. */
  readonly properties: Readonly<Record<string, CatalogueEntry>>
  /** Whether users name its properties, so that the settings say which of them are wanted. */
  readonly isSelective: boolean
}

/** A table of records that are nothing but properties, with these columns of its own. */
export function recordTable(
  name: string,
  key: readonly string[],
  columns: readonly FixedColumn[],
  properties: StreamTable['properties'] = {},
): StreamTable {
  return { name, key, columns: [...columns, ...LOAD_COLUMNS], lines: RECORD_LINES, properties, isSelective: false }
}
