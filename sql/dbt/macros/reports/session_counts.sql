{#-
  How many sessions there were in each period, and how long they were. A session counts on the day
  on which it starts.

    {{ mixload.session_counts(ref('events'), 'Europe/Berlin', unit='week') }}

  - `unit`: `day`, `week` or `month`, the length of the periods.
  - `first_day`, `last_day`: the range, which cuts the first and last period.
  - All others as for `sessions`.
-#}
{%- macro session_counts(
  events, timezone, unit='day', session_by='timeout', timeout_minutes=30, property=none, start=none, end=none,
  resets_at_midnight=true, excluded_events=[], with_system_events=false, first_day=none, last_day=none
) -%}
with all_sessions as (
{{ mixload.sessions(
  events, timezone, session_by=session_by, timeout_minutes=timeout_minutes, property=property, start=start, end=end,
  resets_at_midnight=resets_at_midnight, excluded_events=excluded_events, with_system_events=with_system_events,
  first_day=first_day, last_day=last_day
) }}
),

totals as (
  select
    {{ mixload.report_unit_start(unit, 'date_day') }} as period_start,
    count(*) as sessions,
    count(distinct person_id) as people,
    sum(event_count) as events,
    avg(duration_seconds) as average_seconds
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
{%- endmacro -%}
