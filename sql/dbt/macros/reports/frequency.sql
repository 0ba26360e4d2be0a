{#-
  On how many hours or days of a period people did an event.

    {{ mixload.frequency(events, 'Europe/Berlin', step={'event': 'Play'}, unit='month') }}

  One row is a period and a number of intervals in it.
  - `step`: the event; without an `event`, any. `where` is a condition.
  - `unit`: `day`, `week` or `month`, the length of the periods.
  - `interval`: `hour` or `day`. By default hours of a day, else days.
  - `is_cumulative`: counts people with at least this number of intervals, else with exactly it.
  - `first_day`, `last_day`: the range, which cuts the first and last period.
-#}
{%- macro frequency(events, timezone, step={}, unit='day', interval=none, is_cumulative=true, first_day=none, last_day=none) -%}
  {%- set interval = interval or ('hour' if unit == 'day' else 'day') -%}
  {%- set intervals = {'day': 1, 'week': 7, 'month': 31}[unit] * (24 if interval == 'hour' else 1) -%}
with intervals as (
  select distinct
    person_id,
    {{ mixload.report_day('occurred_at', timezone) }} as day
    {%- if interval == 'hour' %},
    {{ mixload.report_hour('occurred_at', timezone) }} as hour
    {%- endif %}
  from {{ events }} as events
  where {{ mixload.report_is_counted() }} and {{ mixload.report_matches(step) }}
),

people as (
  select person_id, {{ mixload.report_unit_start(unit, 'day') }} as period_start, count(*) as intervals
  from intervals
  where {{ mixload.report_in_range('day', first_day, last_day) }}
  group by 1, 2
),

counts as (
  select period_start, intervals, count(*) as people
  from people
  group by 1, 2
),

periods as (
  {{ mixload.report_periods(unit, first_day, last_day, 'intervals') }}
),

numbers as (
  {{ mixload.report_numbers(intervals) }}
)

select
  periods.period_start,
  {{ mixload.report_integer('numbers.number') }} as intervals,
  {{ mixload.report_integer('coalesce(sum(counts.people), 0)') }} as people
from periods
cross join numbers
left join counts on counts.period_start = periods.period_start
  and counts.intervals {{ '>=' if is_cumulative else '=' }} numbers.number
group by periods.period_start, numbers.number
order by periods.period_start, numbers.number
{%- endmacro -%}
