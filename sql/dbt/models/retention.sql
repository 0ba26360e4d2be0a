{%- set periods = ['day', 'week', 'month'] -%}

with
{%- for period in periods %}
{{ period }}s as (
  select
    {{ mixload.period_start(period, 'first_day') }} as cohort_start,
    {{ mixload.period_start(period, 'date_day') }} as period_start,
    {{ mixload.period_start(period, 'previous_day') }} as previous_start
  from {{ ref('person_days') }}
),

{{ period }}_counts as (
  select
    '{{ period }}' as period,
    cohort_start,
    period_start,
    count(*) as retained_users
  from {{ period }}s
  -- Of a person's days in a period, the first.
  where previous_start is null or previous_start < period_start
  group by 2, 3
){{ ',' if not loop.last }}
{%- endfor %},

counts as (
  {%- for period in periods %}
  select
    period,
    cohort_start,
    cast({{ dbt.datediff('cohort_start', 'period_start', period) if period != 'week'
            else mixload.weeks_between('cohort_start', 'period_start') }} as {{ mixload.type_name('bigint') }}) as periods_since,
    retained_users
  from {{ period }}_counts
  {{ 'union all' if not loop.last }}
  {%- endfor %}
)

select
  period,
  cohort_start,
  periods_since,
  first_value(retained_users) over (partition by period, cohort_start order by periods_since) as cohort_size,
  retained_users
from counts
