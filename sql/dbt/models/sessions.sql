{%- set gap = var('mixload_session_minutes', 30) -%}

with timeline as (
  select
    identities.person_id,
    events.event_id,
    events.event_name,
    events.occurred_at,
    events.event_date,
    lag(events.occurred_at) over person as previous_at,
    lead(events.occurred_at) over person as next_at
  from {{ ref('events') }} as events
  join {{ ref('identities') }} as identities on identities.distinct_id = events.distinct_id
  where events.occurred_at is not null
  window person as (partition by identities.person_id order by events.occurred_at, events.event_id)
),

marked as (
  select
    *,
    case when previous_at is null or occurred_at > {{ dbt.dateadd('minute', gap, 'previous_at') }} then 1 else 0 end as is_first,
    case when next_at is null or next_at > {{ dbt.dateadd('minute', gap, 'occurred_at') }} then 1 else 0 end as is_last
  from timeline
),

numbered as (
  select
    *,
    sum(is_first) over (
      partition by person_id order by occurred_at, event_id rows between unbounded preceding and current row
    ) as session_number
  from marked
),

grouped as (
  select
    person_id,
    cast(session_number as {{ mixload.type_name('bigint') }}) as session_number,
    max(case when is_first = 1 then event_id end) as session_id,
    min(occurred_at) as started_at,
    max(occurred_at) as ended_at,
    min(event_date) as date_day,
    count(*) as event_count,
    max(case when is_first = 1 then event_name end) as first_event,
    max(case when is_last = 1 then event_name end) as last_event
  from numbered
  group by 1, 2
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
from grouped
