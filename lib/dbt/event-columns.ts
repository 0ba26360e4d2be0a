/** A column of Fivetran's event table, and the property that it holds. */
export interface EventColumn {
  readonly name: string
  readonly property: string
  readonly type: 'text' | 'bigint' | 'boolean'
}

/** Properties whose names do not begin with `$`. */
const WITHOUT_DOLLAR: readonly string[] = ['mp_country_code', 'mp_keyword', 'mp_lib']

const columns = (type: EventColumn['type'], names: string): readonly EventColumn[] =>
  names.split(/\s+/).map((name) => ({ name, type, property: WITHOUT_DOLLAR.includes(name) ? name : `$${name}` }))

/** The property columns of the package fivetran/dbt_mixpanel (its `staging_columns` macro). */
export const EVENT_COLUMNS: readonly EventColumn[] = [
  ...columns('text', 'device_id distinct_id_before_identity ae_session_length app_build_number app_version_string'),
  ...columns('text', 'bluetooth_version brand browser carrier city current_url device google_play_services'),
  ...columns('text', 'initial_referrer initial_referring_domain lib_version manufacturer model mp_country_code'),
  ...columns('text', 'mp_keyword mp_lib os os_version radio referrer referring_domain region search_engine'),
  ...columns('bigint', 'browser_version screen_dpi screen_height screen_width'),
  ...columns('boolean', 'bluetooth_enabled has_nfc has_telephone wifi'),
]
