{#-
  How many sessions there were in each period, and how long they were. A session counts on the day
  on which it starts.

    {{ mixload.session_counts(events, 'Europe/Berlin', unit='week') }}

  - `unit`: `day`, `week` or `month`, the length of the periods.
  - `first_day`, `last_day`: the range, which cuts the first and last period.
  - All others as for `sessions`.
-#}
{%- macro session_counts(
  events, timezone, unit='day', session_by='timeout', timeout_minutes=30, property=none, start=none, end=none,
  resets_at_midnight=true, excluded_events=[], with_system_events=false, first_day=none, last_day=none
) -%}
{#- If no session is longer than a day, it is enough to look at each event and the one before. -#}
{%- set is_within_day = session_by != 'event' and resets_at_midnight -%}
{%- if is_within_day %}
with {{ mixload.session_events(
  events, timezone, session_by, timeout_minutes, property, start, end, resets_at_midnight, excluded_events, with_system_events,
  order='occurred_at' if session_by == 'timeout' else 'occurred_at, event_id'
) }},

all_sessions as (
  select
    person_id,
    date_day,
    is_first as sessions,
    1 as events,
    case when is_first = 0 then {{ mixload.report_micros('occurred_at') }} - {{ mixload.report_micros('previous_at') }} end as micros,
    is_first as timed_sessions
  from firsts
  where {{ mixload.report_in_range('date_day', first_day, last_day) }}
),
{%- else %}
with all_sessions as (
  select
    person_id,
    date_day,
    1 as sessions,
    event_count as events,
    duration_seconds * 1000000 as micros,
    case when duration_seconds is not null then 1 else 0 end as timed_sessions
  from (
{{ mixload.sessions(
  events, timezone, session_by=session_by, timeout_minutes=timeout_minutes, property=property, start=start, end=end,
  resets_at_midnight=resets_at_midnight, excluded_events=excluded_events, with_system_events=with_system_events,
  first_day=first_day, last_day=last_day
) }}
  ) as sessions
),
{%- endif %}

totals as (
  select
    {{ mixload.report_unit_start(unit, 'date_day') }} as period_start,
    {{ mixload.report_integer('sum(sessions)') }} as sessions,
    count(distinct person_id) as people,
    sum(events) as events,
    {{ mixload.report_ratio('coalesce(sum(micros), 0)', 'sum(timed_sessions) * 1000000') }} as average_seconds
  from all_sessions
  group by 1
),

periods as (
  {{ mixload.report_periods(unit, first_day, last_day, '(select date_day as day from all_sessions) as days') }}
)

select
  periods.period_start,
  coalesce(totals.sessions, 0) as sessions,
  coalesce(totals.people, 0) as people,
  {{ mixload.report_ratio('totals.sessions', 'totals.people') }} as sessions_per_person,
  {{ mixload.report_ratio('totals.events', 'totals.sessions') }} as events_per_session,
  totals.average_seconds
from periods
left join totals on totals.period_start = periods.period_start
order by periods.period_start
{%- endmacro -%}
