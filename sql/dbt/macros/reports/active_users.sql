{#-
  How many people were active in each period.

    {{ mixload.active_users(events, 'Europe/Berlin', measure='mau', first_day='2026-01-01') }}

  - `step`: the event that makes people active; without an `event`, any. `where` is a condition.
  - `measure`: `unique` counts the people of each period. `dau`, `wau` and `mau` count those of the
    1, 7 and 30 days that end with the last day of the period.
  - `unit`: `day`, `week` or `month`, the length of the periods.
  - `first_day`, `last_day`: the range. It cuts the first and last period; the days that `wau` and
    `mau` look back to may be before it.
-#}
{%- macro active_users(events, timezone, step={}, measure='unique', unit='day', first_day=none, last_day=none) -%}
  {%- set window_days = {'unique': 1, 'dau': 1, 'wau': 7, 'mau': 30}[measure] -%}
with person_days as (
  select distinct person_id, {{ mixload.report_day('occurred_at', timezone) }} as day
  from {{ events }} as events
  where {{ mixload.report_is_counted() }} and {{ mixload.report_matches(step) }}
),

{% if measure == 'unique' -%}
counts as (
  select {{ mixload.report_unit_start(unit, 'day') }} as period_start, count(distinct person_id) as people
  from person_days
  where {{ mixload.report_in_range('day', first_day, last_day) }}
  group by 1
),
{%- else -%}
-- An active day counts up to the day before the next one.
spells as (
  select
    day as first_day,
    {{ mixload.report_units_later('day', 'day', window_days) }} as end_day,
    lead(day) over (partition by person_id order by day) as next_day
  from person_days
),

changes as (
  select first_day as day, count(*) as people
  from spells
  group by 1
  union all
  select case when next_day < end_day then next_day else end_day end as day, -count(*) as people
  from spells
  group by 1
),
{%- endif %}

periods as (
  {{ mixload.report_periods(unit, first_day, last_day, 'person_days') }}
)

select
  periods.period_start,
  {%- if measure == 'unique' %}
  {{ mixload.report_integer('coalesce(max(counts.people), 0)') }} as active_users
from periods
left join counts on counts.period_start = periods.period_start
  {%- else %}
  {{ mixload.report_integer('coalesce(sum(changes.people), 0)') }} as active_users
from periods
left join changes on changes.day <= periods.last_day
  {%- endif %}
group by periods.period_start
order by periods.period_start
{%- endmacro -%}
