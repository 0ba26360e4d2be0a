{%- set gap = var('mixload_session_minutes', 30) -%}

with timeline as (
  select
    identities.person_id,
    events.event_id,
    events.event_name,
    events.occurred_at,
    events.event_date,
    lag(events.occurred_at) over person as previous_at,
    lag(events.event_name) over person as previous_event,
    row_number() over person as event_number,
    last_value(events.occurred_at) over whole_person as person_ended_at,
    last_value(events.event_name) over whole_person as person_last_event,
    count(*) over (partition by identities.person_id) as person_event_count
  from {{ ref('events') }} as events
  join {{ ref('identities') }} as identities on identities.distinct_id = events.distinct_id
  where events.occurred_at is not null
  window
    person as (partition by identities.person_id order by events.occurred_at, events.event_id),
    whole_person as (
      partition by identities.person_id order by events.occurred_at, events.event_id
      rows between unbounded preceding and unbounded following
    )
),

-- A session begins where the event before is too long ago, and ends with the event before that where the next one begins.
starts as (
  select *
  from timeline
  where previous_at is null or occurred_at > {{ dbt.dateadd('minute', gap, 'previous_at') }}
),

sessions as (
  select
    event_id as session_id,
    person_id,
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
  last_event
from sessions
