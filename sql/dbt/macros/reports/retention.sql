{#-
  How many of the people who did one event came back and did another.

    {{ mixload.retention(events, 'Europe/Berlin', born={'event': 'Sign up'}, periods=30) }}

  One row is a cohort and a period after it. People are in the cohort of each day, week or month of
  the project in which they did the first event: in the cohort of that unit only once, by their
  first such event in it, but in as many cohorts as they did it in.
  - `born`, `returning`: the two events. Without an `event`, any event; `where` is a condition.
  - `criterion`: `on_or_after` counts those who came back in the period or any time later, `on` in
    the period, `on_or_before` in the period or before.
  - `mode`: with `rolling`, periods are whole units from the moment of the first event: days of 24
    hours, weeks of 7 and months of 30 days. With `calendar` they are units of the calendar.
  - `unit`: `day`, `week` or `month`.
  - `periods`: how many there are, with period 0. `brackets` is instead a list with the length of
    each in units.
  - `first_time`: only people's first event ever, so that each is in one cohort.
  - `first_day`, `last_day`: of the first event. Who comes back later counts, too.
  - `complete_day`: the last day of which all events are here. Where a period ends later for some,
    `is_complete` is false. It is null without this argument.
  Coming back is a second event later than the first one, or another than a first event at the same
  moment.
-#}
{%- macro retention(
  events, timezone, born={}, returning={}, criterion='on_or_after', mode='rolling', unit='day', periods=8, brackets=none,
  first_time=false, first_day=none, last_day=none, complete_day=none
) -%}
  {%- set count = periods if brackets is none else brackets | length -%}
  {%- set timeline = 'partition by person_id order by occurred_at, case when is_born then 0 else 1 end' -%}
  {%- set last_start = 'returned.unit_start' if criterion != 'on_or_after' else
    mixload.report_unit_start(unit, mixload.report_day('returned.occurred_at', timezone)) -%}
  {%- set units = mixload.retention_units('returned.occurred_at', last_start, mode, unit) -%}
  {%- set previous_units = mixload.retention_units('returned.previous_at', 'returned.previous_start', mode, unit) -%}
with matched as (
  select
    person_id,
    occurred_at,
    {{ mixload.report_matches(born) }} as is_born,
    {{ mixload.report_matches({'event': born.get('event')}) if first_time else 'false' }} as can_be_first,
    {{ mixload.report_matches(returning) }} as is_returning
  from {{ events }} as events
  where {{ mixload.report_is_counted() }}
    and ({{ mixload.report_matches({'event': born.get('event')} if first_time else born) }} or {{ mixload.report_matches(returning) }})
),

births as (
  select person_id, {{ mixload.report_unit_start(unit, 'day') }} as cohort_start, min(occurred_at) as born_at
  from (
    select matched.person_id, matched.occurred_at, {{ mixload.report_day('matched.occurred_at', timezone) }} as day
    from matched
    {%- if first_time %}
    join (
      select person_id, min(occurred_at) as first_at
      from matched
      where can_be_first
      group by person_id
    ) as firsts on firsts.person_id = matched.person_id and firsts.first_at = matched.occurred_at
    {%- endif %}
    where matched.is_born
  ) as born
  where {{ mixload.report_in_range('day', first_day, last_day) }}
  group by 1, 2
),

-- At one moment, first events come first, so that those after a birth are the end of the timeline.
returned as (
  {%- if criterion == 'on_or_after' %}
  select person_id, occurred_at, other_at is null or other_at < occurred_at as is_born
  from (
    select person_id, max(occurred_at) as occurred_at, max(case when not is_born then occurred_at end) as other_at
    from matched
    where is_returning
    group by person_id
  ) as lasts
  {%- else %}
  select
    person_id,
    occurred_at,
    is_born,
    lag(occurred_at) over ({{ timeline }}) as previous_at,
    lag(is_born) over ({{ timeline }}) as was_born
    {%- if mode == 'calendar' %},
    unit_start,
    lag(unit_start) over ({{ timeline }}) as previous_start
    {%- endif %}
  from (
    select person_id, occurred_at, is_born
      {%- if mode == 'calendar' %}, {{ mixload.report_unit_start(unit, mixload.report_day('occurred_at', timezone)) }} as unit_start{% endif %}
    from matched
    where is_returning
  ) as returning_events
  {%- endif %}
),

-- Of those who came, each in each of its periods once.
came as (
  select births.cohort_start, {{ mixload.retention_period(units, brackets) }} as period
  from births
  join returned on returned.person_id = births.person_id
  where (returned.occurred_at > births.born_at or (returned.occurred_at = births.born_at and not returned.is_born))
  {%- if criterion != 'on_or_after' %}
    and (
      returned.previous_at is null
      or returned.previous_at < births.born_at
      or (returned.previous_at = births.born_at and returned.was_born)
      {%- if criterion == 'on' %}
      or {{ mixload.retention_period(previous_units, brackets) }} < {{ mixload.retention_period(units, brackets) }}
      {%- endif %}
    )
  {%- endif %}
),

periods as (
  {%- for number in range(count) %}
  select {{ number }} as period, {{ number + 1 if brackets is none else mixload.retention_edge(brackets, number) }} as next_unit
  {{- ' union all' if not loop.last }}
  {%- endfor %}
),

came_counts as (
  select cohort_start, period, count(*) as people
  from came
  group by 1, 2
),

cohorts as (
  select cohort_start, count(*) as cohort_size
  from births
  group by 1
)

select
  cohorts.cohort_start,
  periods.period,
  cohorts.cohort_size,
  {{ mixload.report_integer('coalesce(sum(came_counts.people), 0)') }} as retained,
  {{ mixload.report_ratio('coalesce(sum(came_counts.people), 0)', 'cohorts.cohort_size') }} as retention_rate,
  {%- if complete_day is none %}
  cast(null as {{ 'bool' if target.type == 'bigquery' else 'boolean' }}) as is_complete
  {%- elif mode == 'calendar' %}
  {{ mixload.report_units_later(unit, 'cohorts.cohort_start', 'periods.next_unit') }}
    <= {{ mixload.report_units_later('day', "date '" ~ complete_day ~ "'", 1) }} as is_complete
  {%- else %}
  {{ mixload.report_units_later('day', mixload.report_units_later(unit, 'cohorts.cohort_start', 1), 'periods.next_unit * ' ~ mixload.report_unit_days(unit)) }}
    <= {{ mixload.report_units_later('day', "date '" ~ complete_day ~ "'", 1) }} as is_complete
  {%- endif %}
from cohorts
cross join periods
left join came_counts on came_counts.cohort_start = cohorts.cohort_start
  and came_counts.period {{ {'on': '=', 'on_or_after': '>=', 'on_or_before': '<='}[criterion] }} periods.period
group by cohorts.cohort_start, periods.period, periods.next_unit, cohorts.cohort_size
order by cohorts.cohort_start, periods.period
{%- endmacro -%}

{#- Units from the birth to a moment: whole ones that have passed, or ones of the calendar. -#}
{%- macro retention_units(moment, unit_start, mode, unit) -%}
  {%- if mode == 'calendar' -%}
    {{ mixload.report_units_between(unit, 'births.cohort_start', unit_start) }}
  {%- else -%}
    {{ mixload.report_quotient(
      mixload.report_micros(moment) ~ ' - ' ~ mixload.report_micros('births.born_at'),
      86400000000 * (mixload.report_unit_days(unit) | int)
    ) }}
  {%- endif -%}
{%- endmacro -%}

{#- The period of so many units. After the last bracket there is one more. -#}
{%- macro retention_period(units, brackets) -%}
  {%- if brackets is none -%}
    {{ units }}
  {%- else -%}
    case
      {%- for length in brackets %} when {{ units }} < {{ mixload.retention_edge(brackets, loop.index0) }} then {{ loop.index0 }}{% endfor %}
      else {{ brackets | length }}
    end
  {%- endif -%}
{%- endmacro -%}

{#- The unit after a bracket. -#}
{%- macro retention_edge(brackets, number) -%}
  {%- set edge = namespace(unit=0) -%}
  {%- for length in brackets[:number + 1] %}{% set edge.unit = edge.unit + length %}{% endfor -%}
  {{ edge.unit }}
{%- endmacro -%}
