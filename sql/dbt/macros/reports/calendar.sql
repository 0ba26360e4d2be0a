{#- Units of days, series and numbers in the macros of reports. A day is a date. -#}

{#- The hour of the clock in a time zone, from 0 to 23. -#}
{%- macro report_hour(moment, timezone) -%}
  extract(hour from {{ moment }} at time zone {{ mixload.report_text(timezone) }})
{%- endmacro -%}

{#- Days of a rolling unit. Mixpanel's month is 30 days. -#}
{%- macro report_unit_days(unit) -%}
  {{ {'day': 1, 'week': 7, 'month': 30}[unit] }}
{%- endmacro -%}

{#- The first day of a day's unit. Weeks begin on Monday. -#}
{%- macro report_unit_start(unit, day) -%}
  {%- if unit == 'day' -%}
    {{ day }}
  {%- elif target.type == 'bigquery' -%}
    date_trunc({{ day }}, {{ 'isoweek' if unit == 'week' else unit }})
  {%- else -%}
    cast(date_trunc('{{ unit }}', {{ day }}) as date)
  {%- endif -%}
{%- endmacro -%}

{#- How many units lie between the first days of two units. -#}
{%- macro report_units_between(unit, first_start, last_start) -%}
  {%- if target.type == 'bigquery' -%}
    date_diff({{ last_start }}, {{ first_start }}, {{ 'isoweek' if unit == 'week' else unit }})
  {%- elif unit == 'month' -%}
    cast(
      (extract(year from {{ last_start }}) - extract(year from {{ first_start }})) * 12
      + extract(month from {{ last_start }}) - extract(month from {{ first_start }}) as bigint)
  {%- else -%}
    cast(({{ last_start }} - {{ first_start }}) / {{ mixload.report_unit_days(unit) }} as bigint)
  {%- endif -%}
{%- endmacro -%}

{#- The day some units later. The count may be an expression. -#}
{%- macro report_units_later(unit, day, count) -%}
  {%- if target.type == 'bigquery' -%}
    date_add({{ day }}, interval {{ count }} {{ unit }})
  {%- else -%}
    cast({{ day }} + ({{ count }}) * interval '1 {{ unit }}' as date)
  {%- endif -%}
{%- endmacro -%}

{#- Whether a day is in the range of a report. An end is a text such as 2026-03-01, or none. -#}
{%- macro report_in_range(day, first_day, last_day) -%}
  {%- if first_day is none and last_day is none -%}
    true
  {%- else -%}
    {%- if first_day is not none -%}{{ day }} >= date '{{ first_day }}'{%- endif -%}
    {%- if first_day is not none and last_day is not none %} and {% endif -%}
    {%- if last_day is not none -%}{{ day }} <= date '{{ last_day }}'{%- endif -%}
  {%- endif -%}
{%- endmacro -%}

{#- The days from one to another as a query with the column `day`. -#}
{%- macro report_days(first_day, last_day) -%}
  {%- if target.type == 'bigquery' -%}
    select day from unnest(generate_date_array({{ first_day }}, {{ last_day }})) as day
  {%- elif target.type == 'postgres' -%}
    select cast(generate_series(cast({{ first_day }} as timestamp), cast({{ last_day }} as timestamp), interval '1 day') as date) as day
  {%- else -%}
    select cast(unnest(generate_series(cast({{ first_day }} as timestamp), cast({{ last_day }} as timestamp), interval '1 day')) as date) as day
  {%- endif -%}
{%- endmacro -%}

{#-
  The periods of a report as a query with the columns `period_start` and `last_day`, each with at
  least one day in the range. Ends that are not given are the first and last `day` of a query.
-#}
{%- macro report_periods(unit, first_day, last_day, days) -%}
  select {{ mixload.report_unit_start(unit, 'day') }} as period_start, max(day) as last_day
  from (
    {{ mixload.report_days(
      "date '" ~ first_day ~ "'" if first_day is not none else '(select min(day) from ' ~ days ~ ')',
      "date '" ~ last_day ~ "'" if last_day is not none else '(select max(day) from ' ~ days ~ ')'
    ) }}
  ) as all_days
  group by 1
{%- endmacro -%}

{#- The integers from 1 as a query with the column `number`. -#}
{%- macro report_numbers(last) -%}
  {%- if target.type == 'bigquery' -%}
    select number from unnest(generate_array(1, {{ last }})) as number
  {%- elif target.type == 'postgres' -%}
    select generate_series(1, {{ last }}) as number
  {%- else -%}
    select unnest(generate_series(1, {{ last }})) as number
  {%- endif -%}
{%- endmacro -%}

{%- macro report_integer(number) -%}
  cast({{ number }} as {{ 'int64' if target.type == 'bigquery' else 'bigint' }})
{%- endmacro -%}

{%- macro report_double(number) -%}
  cast({{ number }} as {{ 'float64' if target.type == 'bigquery' else 'double precision' }})
{%- endmacro -%}

{#- One number by another; null by 0. -#}
{%- macro report_ratio(number, divisor) -%}
  {{ mixload.report_double(number) }} / nullif({{ divisor }}, 0)
{%- endmacro -%}

{#- The whole part of a quotient of integers that are not negative. -#}
{%- macro report_quotient(number, divisor) -%}
  {%- if target.type == 'bigquery' -%}
    {#- An emulator of BigQuery divides wrongly with div. -#}
    cast(floor(({{ number }}) / {{ divisor }}) as int64)
  {%- else -%}
    ({{ number }}) {{ '/' if target.type == 'postgres' else '//' }} {{ divisor }}
  {%- endif -%}
{%- endmacro -%}

{#- The condition that an event is one of those meant: all of them, if the step has no event. -#}
{%- macro report_matches(step) -%}
  {%- if step.get('event') -%}
    {{ mixload.report_is_event(step) }}
  {%- elif step.get('where') -%}
    coalesce(({{ step['where'] }}), false)
  {%- else -%}
    true
  {%- endif -%}
{%- endmacro -%}

{#- The condition that an event has a person and a time. -#}
{%- macro report_is_counted() -%}
  person_id <> '' and occurred_at is not null
{%- endmacro -%}
