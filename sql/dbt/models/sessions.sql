{{ config(
  materialized='incremental',
  incremental_strategy='merge' if target.type == 'bigquery' else 'append',
  on_schema_change='append_new_columns',
  pre_hook='{{ mixload.forget_changed_people() }}'
) }}
{%- set gap = var('mixload_session_minutes', 30) %}

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

timeline as (
  select
    people.person_id,
    people.events_hash,
    events.event_id,
    events.event_name,
    events.occurred_at,
    events.event_date,
    lag(events.occurred_at) over person as previous_at,
    lag(events.event_name) over person as previous_event,
    row_number() over person as event_number,
    last_value(events.occurred_at) over whole_person as person_ended_at,
    last_value(events.event_name) over whole_person as person_last_event,
    count(*) over (partition by people.person_id) as person_event_count
  from {{ ref('events') }} as events
  join {{ ref('identities') }} as identities on identities.distinct_id = events.distinct_id
  join people on people.person_id = identities.person_id
  where events.occurred_at is not null
  window
    person as (partition by people.person_id order by events.occurred_at, events.event_id),
    whole_person as (
      partition by people.person_id order by events.occurred_at, events.event_id
      rows between unbounded preceding and unbounded following
    )
),

-- A session begins at an event that comes too long after the one before, and ends with the last
-- event before the next session.
starts as (
  select *
  from timeline
  where previous_at is null or occurred_at > {{ mixload.later('previous_at', gap, 'minute') }}
),

sessions as (
  select
    event_id as session_id,
    person_id,
    events_hash,
    row_number() over person as session_number,
    occurred_at as started_at,
    coalesce(lead(previous_at) over person, person_ended_at) as ended_at,
    event_date as date_day,
    coalesce(lead(event_number) over person, person_event_count + 1) - event_number as event_count,
    event_name as first_event,
    coalesce(lead(previous_event) over person, person_last_event) as last_event
  from starts
  window person as (partition by person_id order by event_number)
)

select
  session_id,
  person_id,
  session_number,
  started_at,
  ended_at,
  date_day,
  cast({{ mixload.seconds_between('started_at', 'ended_at') }} as {{ mixload.type_name('double') }}) as duration_seconds,
  event_count,
  first_event,
  last_event,
  events_hash
from sessions
