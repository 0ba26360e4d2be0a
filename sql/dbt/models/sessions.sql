{{ config(
  materialized='incremental',
  incremental_strategy='merge' if target.type == 'bigquery' else 'append',
  on_schema_change='append_new_columns',
  pre_hook='{{ mixload.forget_changed_people() }}'
) }}

with people as (
  select
    person_id,
    {{ mixload.combined_hashes('events_hash') }} as events_hash
  from {{ ref('person_days') }}
  {%- if is_incremental() %}
  where person_id not in (select person_id from {{ this }} where session_number = 1)
  {%- endif %}
  group by 1
),

report_events as (
  select events.*
  from {{ mixload.report_events() }} as events
  join people on people.person_id = events.person_id
),

sessions as (
{{ mixload.sessions(
  'report_events',
  var('mixload_timezone', 'UTC'),
  timeout_minutes=var('mixload_session_minutes', 30),
  resets_at_midnight=var('mixload_session_resets_at_midnight', true),
  excluded_events=var('mixload_session_excluded_events', []),
  with_system_events=var('mixload_session_system_events', false)
) }}
)

select
  sessions.session_id,
  sessions.person_id,
  sessions.session_number,
  {{ mixload.utc('sessions.started_at') }} as started_at,
  {{ mixload.utc('sessions.ended_at') }} as ended_at,
  sessions.date_day,
  sessions.duration_seconds,
  sessions.event_count,
  sessions.first_event,
  sessions.last_event,
  people.events_hash
from sessions
join people on people.person_id = sessions.person_id
