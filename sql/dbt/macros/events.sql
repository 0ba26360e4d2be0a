{#-
  The query of an incremental model of events, with one row per event. The model needs
  `materialized='incremental', unique_key='event_id'`.

    {{ config(
      materialized='incremental', unique_key='event_id',
      pre_hook="{{ mixload.forget_replaced_events() }}",
      post_hook="{{ mixload.forget_moved_events() }}") }}
    {{ mixload.events(
      names=['Order Completed'],
      properties=['plan', {'property': 'amount', 'type': 'double'}]) }}

  It has the columns of the model `events`, and one for each property (see the macro
  `properties`).
  - New rows are those loaded since the last run, however old their events are: event times do not
    move the cursor.
  - Of the rows of one event, the one that Mixpanel processed last counts; of those, the one loaded
    last. An event's id is independent of its person, so an event that was moved to another person
    replaces its earlier row.
-#}
{% macro events(names=none, properties=[]) %}
{%- set entries = mixload.export_entries() -%}
{%- set columns = mixload.columns_of('export') -%}
{%- set given = [] -%}
{%- for property in properties -%}
  {%- do given.append(mixload.property_entry(columns, property)) -%}
{%- endfor -%}
{%- set names_kept = [] -%}
{%- for entry in entries if entry['as'] != 'mp_distinct_id_before_identity' -%}
  {%- do names_kept.append(entry['as']) -%}
{%- endfor -%}
{%- for entry in given -%}
  {%- do names_kept.append(adapter.quote(entry['as'])) -%}
{%- endfor -%}
{%- do mixload.assert_names_apart(names_kept + ['original_distinct_id', 'event_date', 'processed_at', 'is_from_future']) %}
-- The rows of {{ ref('mixload', 'stg_mixpanel__export') }}, and only those that are new.
with loaded as (
{{ mixload.stage('export', entries + given, since=mixload.newest_load()) }}
),

ranked as (
  select
    loaded.*,
    coalesce(mp_distinct_id_before_identity, distinct_id) as original_distinct_id,
    row_number() over (
      partition by event_id
      order by
        mp_processing_time_ms desc nulls last,
        _loaded_at desc,
        case when mp_distinct_id_before_identity is null then 1 else 0 end,
        distinct_id
    ) as __rank
  from loaded
  where event_id is not null
  {%- if names is not none %}
    and event_name in (
      {%- for name in names %}{{ mixload.text_literal(name) }}{{ ', ' if not loop.last }}{% endfor -%}
    )
  {%- endif %}
)

select
  {%- for name in names_kept %}
  ranked.{{ name }},
  {%- endfor %}
  ranked.original_distinct_id,
  {{ mixload.local_date('ranked.occurred_at') }} as event_date,
  {{ mixload.moment('ranked.mp_processing_time_ms') }} as processed_at,
  coalesce(ranked.occurred_at > {{ dbt.dateadd('day', 1, 'ranked._loaded_at') }}, false) as is_from_future
from ranked
{%- if is_incremental() %}
left join {{ this }} as known on known.event_id = ranked.event_id
where ranked.__rank = 1
  and (known.event_id is null or coalesce(ranked.mp_processing_time_ms, -1) >= coalesce(known.mp_processing_time_ms, -1))
{%- else %}
where ranked.__rank = 1
{%- endif %}
{% endmacro %}

{#- When the newest rows of an incremental model were loaded, as a literal; none on a full run. -#}
{% macro newest_load() %}
  {%- if execute and is_incremental() -%}
    {%- set newest = run_query('select max(_loaded_at) is null, cast(max(_loaded_at) as ' ~ dbt.type_string() ~ ') from ' ~ this).rows[0] -%}
    {%- if not newest[0] -%}
      {{ return(mixload.utc_literal(newest[1])) }}
    {%- endif -%}
  {%- endif -%}
  {{ return(none) }}
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

{% macro long_ago() %}{{ return("cast('1970-01-01 00:00:00' as timestamp)") }}{% endmacro %}

{#-
  Before an incremental run: deletes rows that `--write replace` has deleted since. A load that
  replaces days has all rows of those days, so older rows of these days are gone.
-#}
{% macro forget_replaced_events() %}
  {%- set loads = mixload.loaded('_mixload_loads') -%}
  {%- if execute and is_incremental() and loads is not none %}
delete from {{ this }} where event_id in (
  select known.event_id
  from {{ this }} as known
  join (
    select first_day, last_day, cast({{ mixload.utc('loaded_at') }} as {{ mixload.type_name('timestamp') }}) as replaced_at
    from {{ loads }}
    where stream = 'export' and write_mode = 'replace-days'
  ) as loads
    on known.export_day between loads.first_day and loads.last_day and known._loaded_at < loads.replaced_at
  {#- Earlier runs handled older loads. One more day, as a load can become visible late. #}
  where loads.replaced_at > (
    select {{ dbt.dateadd('day', -1, 'coalesce(max(_loaded_at), ' ~ mixload.long_ago() ~ ')') }} from {{ this }}
  )
)
  {%- endif -%}
{% endmacro %}

{#-
  After a run: deletes events without `$insert_id` that Mixpanel has moved to another person since.
  Their ids depend on the whole line, including the person, so they are found by name, moment and
  first person.
-#}
{% macro forget_moved_events() %}
delete from {{ this }} where event_id in (
  select known.event_id
  from {{ this }} as known
  join {{ this }} as moved
    on moved.event_name = known.event_name
    and moved.occurred_at = known.occurred_at
    and moved.original_distinct_id = known.original_distinct_id
  where known.insert_id is null
    and moved.insert_id is null
    and moved.distinct_id <> moved.original_distinct_id
    and moved.distinct_id <> known.distinct_id
    and moved._loaded_at > known._loaded_at
)
{% endmacro %}
