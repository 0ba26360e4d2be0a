import type { Column, ColumnType } from './column.ts'

/** What is known about a property before its first value. */
export interface CatalogueEntry {
  /** Left out if Mixpanel's own libraries send several types: then the first value decides. */
  readonly type?: ColumnType
  readonly description: string
  /** Whether mixload itself needs its values, so that the user cannot leave it out. */
  readonly isNeeded?: boolean
}

export const text = (description: string): CatalogueEntry => ({ type: 'text', description })
const bigint = (description: string): CatalogueEntry => ({ type: 'bigint', description })
const double = (description: string): CatalogueEntry => ({ type: 'double', description })
const boolean = (description: string): CatalogueEntry => ({ type: 'boolean', description })
export const json = (description: string): CatalogueEntry => ({ type: 'json', description })
export const varying = (description: string): CatalogueEntry => ({ description })

/** Event properties of Mixpanel's property reference, with the types of real exports. */
export const EVENT_PROPERTIES: Readonly<Record<string, CatalogueEntry>> = {
  $insert_id: text('Id from the sender; with event, person and time it identifies duplicates'),
  mp_processing_time_ms: bigint('When Mixpanel processed the event, UTC, milliseconds since 1970'),
  $mp_api_timestamp_ms: bigint('When the API received the event, UTC, milliseconds since 1970'),
  $mp_api_endpoint: text('Host that received the event'),
  $mp_event_size: bigint('Size of the event as received, bytes'),
  $mp_is_forwarded: boolean('True when the event reached another region first and was forwarded'),
  $import: boolean('True when the event came through the import API'),
  $user_id: text('Identified user id, as sent by the client'),
  $device_id: text('Anonymous device id, as sent by the client'),
  $distinct_id_before_identity: text('distinct_id as first ingested, if a merge has changed it since'),
  $is_reshuffled: boolean('True when a merge has moved the event to another person'),
  $preshuffle_distinct_id: { ...text('Id that the person had before being identified'), isNeeded: true },
  $is_deleted: boolean('True when the event was deleted in Mixpanel'),
  $inserted_at: bigint('When Mixpanel stored the event, UTC, seconds since 1970; on deleted events'),
  $delete_event_name: text('Name of the deleted event, on $delete events'),
  $delete_insert_id: text('$insert_id of the deleted event, on $delete events'),
  $delete_inserted_before: bigint('Events stored before this are deleted, UTC, seconds since 1970; on $delete events'),
  $identity_failure_reason: text('Why a merge was not made (simplified id merge)'),
  $failure_reason: text('Why a merge was not made, in short (original id merge)'),
  $failure_description: text('Why a merge was not made (original id merge)'),
  $identified_id: text('Id being identified, on $identify events'),
  $anon_id: text('Anonymous id being identified, on $identify events'),
  alias: text('New name of a person, on $create_alias events'),
  $distinct_ids: json('Ids being merged, on $merge events'),
  mp_original_event_name: text('Name that the event had before it was set apart as a hot shard'),
  mp_original_distinct_id: text('distinct_id that the event had before it was set apart as a hot shard'),
  $source: text('Integration that sent the event'),
  $partner_id: text('Partner integration that sent the event'),
  $warehouse_type: text('Kind of warehouse that the event was imported from'),
  $warehouse_table: text('Warehouse table that the event was imported from'),
  $warehouse_import_id: varying('Id of the warehouse import'),
  $warehouse_import_job_id: varying('Id of the warehouse import job'),
  $warehouse_import_run_id: varying('Id of the warehouse import run'),
  $duration_s: double('Length of the session, seconds'),
  $event_count: bigint('Events in the session'),
  $origin_start: text('First event of the session'),
  $origin_end: text('Last event of the session'),
  $mp_experiment_name: text('Experiment that the event belongs to'),
  $city: text('City, from the address or coordinates'),
  $region: text('Region or state, from the address or coordinates'),
  mp_country_code: text('Country, two letters, from the address or coordinates'),
  mp_lib: text('Library that sent the event'),
  $lib_version: text('Version of the library that sent the event'),
  mp_sent_by_lib_version: text('Version of the library that delivered the event'),
  $os: text('Operating system'),
  $os_version: text('Version of the operating system'),
  $browser: text('Browser'),
  $browser_version: varying('Version of the browser; a number from some libraries, text from others'),
  $app_build_number: varying('Build number of the app; a number from some libraries, text from others'),
  $app_version_string: varying('Version of the app'),
  $device: text('Device'),
  $manufacturer: text('Maker of the device'),
  $brand: text('Brand of the device'),
  $model: text('Model of the device'),
  $watch_model: text('Model of the watch'),
  $carrier: text('Wireless carrier'),
  $radio: text('Kind of mobile network'),
  $screen_height: bigint('Height of the screen, pixels'),
  $screen_width: bigint('Width of the screen, pixels'),
  $screen_dpi: bigint('Pixel density of the screen'),
  $current_url: text('Address of the page'),
  $initial_referrer: text('Referrer of the first visit; $direct when there was none'),
  $initial_referring_domain: text('Domain of the referrer of the first visit; $direct when there was none'),
  $referrer: text('Referrer; $direct when there is none'),
  $referring_domain: text('Domain of the referrer; $direct when there is none'),
  $search_engine: text('Search engine that led to the page'),
  mp_keyword: text('Search words that led to the page'),
  utm_source: text('Campaign source'),
  utm_medium: text('Campaign medium'),
  utm_campaign: text('Campaign name'),
  utm_content: text('Campaign content'),
  utm_term: text('Campaign term'),
  $wifi: boolean('Whether the device was on a wireless network'),
  $bluetooth_enabled: boolean('Whether Bluetooth was on'),
  $bluetooth_version: text('Bluetooth version: none, ble or classic'),
  $has_nfc: boolean('Whether the device has NFC'),
  $has_telephone: boolean('Whether the device is a telephone'),
  $google_play_services: text('State of Google Play services'),
  $duration: double('Seconds between time_event and the event'),
}

/** A fixed column and its description. */
export interface FixedColumn extends Column {
  readonly description: string
}

/** A fixed column. With a `property` it holds that property's values. */
export function fixed(
  name: string,
  type: ColumnType,
  description: string,
  property: string | null = null,
): FixedColumn {
  return { name, type, role: 'fixed', property, description }
}

/** The fixed column of the property of the same name. */
export function member(name: string, type: ColumnType, description: string): FixedColumn {
  return fixed(name, type, description, name)
}

/** The columns that every table ends with. */
export const LOAD_COLUMNS: readonly FixedColumn[] = [
  fixed(
    '_loaded_at',
    'timestamptz',
    'When the load was committed; one value per load, growing in the order of commits',
  ),
  fixed('_load_id', 'text', 'Load that brought the row: see _mixload_loads'),
]

/** The column with the number of a row of `export`. */
export const ROW_COLUMN = '_mixload_row'

/** The column with a hash of what a row of `export` says. */
export const HASH_COLUMN = '_mixload_hash'

/** The columns that every `export` table has, in this order. The views depend on them. */
export const EXPORT_COLUMNS: readonly FixedColumn[] = [
  fixed('event', 'text', 'Name of the event'),
  fixed(
    'event_id',
    'text',
    'Id of the event, which its copies share: MD5 of event, second, first person and $insert_id; without an $insert_id, of event, time and the whole line',
  ),
  member('distinct_id', 'text', 'Person the event belongs to'),
  member('time', 'timestamptz', 'When the event happened, UTC, to the millisecond'),
  fixed('_day', 'date', 'Day of the export that contained the event; for an event from a file, its own day'),
  fixed('mp_insert_id', 'text', EVENT_PROPERTIES.$insert_id?.description ?? '', '$insert_id'),
  member('mp_processing_time_ms', 'bigint', EVENT_PROPERTIES.mp_processing_time_ms?.description ?? ''),
  fixed(
    'mp_distinct_id_before_identity',
    'text',
    EVENT_PROPERTIES.$distinct_id_before_identity?.description ?? '',
    '$distinct_id_before_identity',
  ),
  ...LOAD_COLUMNS,
  fixed(ROW_COLUMN, 'bigint', 'Random number of the row: see _mixload_superseded'),
  fixed(
    HASH_COLUMN,
    'bigint',
    'Hash of what Mixpanel returned of the event, by which a row that is loaded is known again',
  ),
]

/** Only with local times: the number as sent, because two numbers can mean the same moment. */
export const LOCAL_TIME_COLUMN: FixedColumn = fixed(
  '_time_raw',
  'bigint',
  "time as exported: milliseconds since 1970, in local time of the project's time zone",
)
