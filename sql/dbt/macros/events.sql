{#-
  The query of an incremental model of events, with one row per event. The model needs
  `materialized='incremental', unique_key='event_id'`.

    {{ config(
      materialized='incremental', unique_key='event_id',
      pre_hook="{{ mixload.forget_removed_events() }}") }}
    {{ mixload.events(
      names=['Order Completed'],
      properties=['plan', {'property': 'amount', 'type': 'double'}]) }}

  It has the columns of the model `events`, and one for each property (see the macro
  `properties`).
  - New rows are those loaded since the last run, however old their events are: event times do not
    move the cursor.
  - A property that is added to the list later is filled for old events, too: the next run reads all
    rows once. The model needs `on_schema_change='append_new_columns'` for the new column.
  - What one event is, and which of its rows counts, is the rule of `export_latest`. A row that
    counts more than an earlier one was loaded later, so it replaces it by `event_id`.
-#}
{% macro events(names=none, properties=[]) %}
{%- set entries = mixload.export_entries() -%}
{%- set columns = mixload.columns_of('export') -%}
{%- set given = [] -%}
{%- for property in properties -%}
  {%- do given.append(mixload.property_entry(columns, property)) -%}
{%- endfor -%}
{%- set names_kept = entries | map(attribute='as') | list -%}
{%- for entry in given -%}
  {%- do names_kept.append(adapter.quote(entry['as'])) -%}
{%- endfor -%}
{%- do mixload.assert_names_apart(names_kept + ['event_date', 'processed_at', 'is_from_future']) %}
{%- set newest = mixload.newest_load() -%}
{%- do mixload.assert_ids_current(newest) %}
{%- if newest is not none and mixload.has_new_columns(names_kept) -%}
  {%- set newest = none -%}
{%- endif %}
-- The rows of {{ ref('mixload', 'stg_mixpanel__export') }}, and only those that are new.
with loaded as (
{{ mixload.stage('export', entries + given, view='export_latest', since=newest) }}
)

select
  loaded.*,
  {{ mixload.local_date('occurred_at') }} as event_date,
  {{ mixload.moment('mp_processing_time_ms') }} as processed_at,
  coalesce(occurred_at > {{ mixload.later('_loaded_at', 1, 'day') }}, false) as is_from_future
from loaded
{%- if names is not none %}
where event_name in (
  {%- for name in names %}{{ mixload.text_literal(name) }}{{ ', ' if not loop.last }}{% endfor -%}
)
{%- endif %}
{% endmacro %}

{#-
  When the newest rows of an incremental model were loaded, or some days before, as a literal; none
  on a full run.
-#}
{% macro newest_load(days_before=0) %}
  {%- if execute and is_incremental() -%}
    {%- set moment = mixload.later('max(_loaded_at)', -days_before, 'day') if days_before else 'max(_loaded_at)' -%}
    {%- set newest = run_query('select max(_loaded_at) is null, cast(' ~ moment ~ ' as ' ~ dbt.type_string() ~ ') from ' ~ this).rows[0] -%}
    {%- if not newest[0] -%}
      {{ return(mixload.utc_literal(newest[1])) }}
    {%- endif -%}
  {%- endif -%}
  {{ return(none) }}
{% endmacro %}

{#-
  Whether an incremental model lacks one of these columns, because a property was added to it. The
  rows that it has do not have the value, so they must be made again.
-#}
{% macro has_new_columns(names) %}
  {%- set known = adapter.get_columns_in_relation(this) | map(attribute='name') | map('lower') | list -%}
  {%- set added = [] -%}
  {%- for name in names | map('replace', '"', '') | map('replace', '`', '') if name | lower not in known -%}
    {%- do added.append(name) -%}
  {%- endfor -%}
  {%- if added | length > 0 and config.get('on_schema_change') not in ('append_new_columns', 'sync_all_columns') -%}
    {{ exceptions.raise_compiler_error(
      'The model ' ~ this ~ ' has no column ' ~ added | join(', ') ~ ' yet, and would get it for new events only. Set ' ~
      "on_schema_change='append_new_columns' in its config, or rebuild it once: dbt build --full-refresh."
    ) }}
  {%- endif -%}
  {{ return(added | length > 0) }}
{% endmacro %}

{#- Two properties may ask for one name, or for one that every model of events has. -#}
{% macro assert_names_apart(names) %}
  {%- set folded = names | map('replace', '"', '') | map('replace', '`', '') | map('lower') | list -%}
  {%- for name in folded if execute and folded.count(name) > 1 -%}
    {{ exceptions.raise_compiler_error(
      'A model of events would have two columns ' ~ name ~ '. Name the one of the property otherwise: ' ~
      "{'property': …, 'as': …} in mixload.events()."
    ) }}
  {%- endfor -%}
{% endmacro %}

{#-
  mixload may have brought the table to a new form, in which events have other ids, since the model
  was made. Its events would be there twice if they are loaded again.
-#}
{% macro assert_ids_current(newest) %}
  {%- set loads = mixload.loaded('_mixload_loads') if newest is not none else none -%}
  {%- if loads is not none -%}
    {%- set upgrades -%}
      select count(*) from {{ loads }}
      where stream = 'export' and selection like '{"upgrade_to"%' and loaded_at > {{ newest }}
    {%- endset -%}
    {%- if run_query(upgrades).rows[0][0] > 0
        and run_query('select count(*) from (' ~ mixload.unshown_events() ~ ') as unshown').rows[0][0] > 0 -%}
      {{ exceptions.raise_compiler_error(
        'The events of ' ~ this ~ ' have the ids that an earlier version of mixload gave them. ' ~
        'Rebuild the models of events once: dbt build --full-refresh.'
      ) }}
    {%- endif -%}
  {%- endif -%}
{% endmacro %}

{#- The ids of events in an incremental model that `export_latest` does not show. -#}
{% macro unshown_events() %}
  select known.event_id
  from {{ this }} as known
  left join {{ mixload.loaded('export_latest') }} as latest on latest.event_id = known.event_id
  where latest.event_id is null
{% endmacro %}

{#-
  Before an incremental run: deletes events that `--write replace` or Mixpanel has deleted since.
  A load that replaces days has all rows of those days, so older rows of these days are gone. Runs
  handle the loads of one more day than they need to, as a load can become visible late.
-#}
{% macro forget_removed_events() %}
  {%- set since = mixload.newest_load(days_before=1) -%}
  {%- if since is not none and mixload.loaded('_mixload_loads') is not none %}
delete from {{ this }} where event_id in (
  select known.event_id
  from {{ this }} as known
  join {{ mixload.loaded('_mixload_loads') }} as loads
    on known.export_day between loads.first_day and loads.last_day
    and known._loaded_at < cast({{ mixload.utc('loads.loaded_at') }} as {{ mixload.type_name('timestamp') }})
  where loads.stream = 'export' and loads.write_mode = 'replace-days' and loads.loaded_at > {{ since }}
  {%- if mixload.has_deletions(since) %}
  union all
  {{- mixload.unshown_events() }}
  {%- endif %}
)
  {%- endif -%}
{% endmacro %}

{#- Whether rows that were loaded since say that events were deleted in Mixpanel. -#}
{% macro has_deletions(since) %}
  {%- set signs = [] -%}
  {%- for column in mixload.columns_of('export') if column['role'] == 'property' -%}
    {%- if column['property'] == '$is_deleted' and column['type'] == 'boolean' -%}
      {%- do signs.append(adapter.quote(column['name'])) -%}
    {%- elif column['property'] == '$delete_insert_id' -%}
      {%- do signs.append("event = '$delete'") -%}
    {%- endif -%}
  {%- endfor -%}
  {%- if signs | length == 0 -%}
    {{ return(false) }}
  {%- endif -%}
  {%- set deletions -%}
    select count(*) from {{ mixload.loaded('export') }} where _loaded_at > {{ since }} and ({{ signs | join(' or ') }})
  {%- endset -%}
  {{ return(run_query(deletions).rows[0][0] > 0) }}
{% endmacro %}
