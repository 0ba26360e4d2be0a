{#-
  What people came from before they did an event.

    {{ mixload.attribution(events, 'Europe/Berlin', 'utm_source', conversion={'event': 'Order'}) }}

  A touchpoint is an event with the property. One that converts and has the property is its own last
  touchpoint. `attributed_to` is null if there is no touchpoint: Mixpanel's "(not set)".
  - `conversion`: the event that counts; without an `event`, any. `where` is a condition.
  - `property`: a column or expression. Events where it is null are not touchpoints.
  - `touchpoint`: which events can be touchpoints, as `conversion`; by default any.
  - `model`: `last_touch` or `first_touch` within the window before the conversion.
  - `lookback_days`: the length of the window, in days of 24 hours.
  - `count_by`: `total` counts every conversion, `first` and `last` only that of each person in the
    period, which is Mixpanel's two ways to count unique users.
  - `amount`: an expression whose sum over the conversions is `amount`.
  - `unit`: `day`, `week` or `month`, or none for the whole range as one, from `first_day`.
  - `first_day`, `last_day`: of the conversions. The window may reach back before.
-#}
{%- macro attribution(
  events, timezone, property, conversion={}, touchpoint={}, model='last_touch', lookback_days=30, count_by='total',
  amount=none, unit=none, first_day=none, last_day=none
) -%}
with matched as (
  select
    person_id,
    event_id,
    occurred_at,
    {{ mixload.report_micros('occurred_at') }} as at_micros,
    {{ mixload.report_matches(conversion) }} as is_conversion,
    case when {{ mixload.report_matches(touchpoint) }} then {{ property }} end as touched_by,
    {{ mixload.report_double(amount if amount is not none else 'null') }} as amount
  from {{ events }} as events
  where {{ mixload.report_is_counted() }}
    and ({{ mixload.report_matches(conversion) }} or ({{ mixload.report_matches(touchpoint) }} and {{ property }} is not null))
),

numbered as (
  select
    *,
    case when touched_by is not null then row_number() over (
      partition by person_id order by at_micros, event_id
    ) end as touch_number
  from matched
),

-- In the window of each event, the number of its touchpoint. Events of one moment see each other.
reached as (
  select
    *,
    {{ 'max' if model == 'last_touch' else 'min' }}(touch_number) over (
      partition by person_id order by at_micros
      range between {{ 86400000000 * lookback_days }} preceding and current row
    ) as reached_number
  from numbered
),

conversions as (
  select
    person_id,
    amount,
    reached_number,
    {%- if unit is not none %}
    {{ mixload.report_unit_start(unit, 'day') }} as period_start,
    {%- endif %}
    {%- if count_by != 'total' %}
    row_number() over (
      partition by person_id{% if unit is not none %}, {{ mixload.report_unit_start(unit, 'day') }}{% endif %}
      order by at_micros {{ 'desc' if count_by == 'last' }}, event_id {{ 'desc' if count_by == 'last' }}
    ) as place
    {%- else %}
    1 as place
    {%- endif %}
  from (
    select *, {{ mixload.report_day('occurred_at', timezone) }} as day
    from reached
    where is_conversion
  ) as converting
  where {{ mixload.report_in_range('day', first_day, last_day) }}
)

select
  {{ 'conversions.period_start' if unit is not none else "date '" ~ first_day ~ "'" if first_day is not none else 'cast(null as date)' }} as period_start,
  touches.touched_by as attributed_to,
  {{ mixload.report_integer('count(*)') }} as conversions,
  {{ mixload.report_integer('count(distinct conversions.person_id)') }} as people
  {%- if amount is not none %},
  coalesce(sum(conversions.amount), 0) as amount
  {%- endif %}
from conversions
left join numbered as touches
  on touches.person_id = conversions.person_id and touches.touch_number = conversions.reached_number
where conversions.place = 1
group by {{ 'conversions.period_start, ' if unit is not none }}touches.touched_by
order by 1, 3 desc, 2
{%- endmacro -%}
