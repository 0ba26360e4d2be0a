{%- set periods = ['day', 'week', 'month'] -%}

with
{%- for period in periods %}
{{ period }}s as (
  select
    person_id,
    {{ mixload.period_start(period, 'date_day') }} as period_start
  from {{ ref('person_days') }}
  group by 1, 2
),

{{ period }}_firsts as (
  select
    person_id,
    min(period_start) as cohort_start
  from {{ period }}s
  group by 1
),

{{ period }}_counts as (
  select
    '{{ period }}' as period,
    firsts.cohort_start,
    active.period_start,
    count(*) as retained_users
  from {{ period }}s as active
  join {{ period }}_firsts as firsts on firsts.person_id = active.person_id
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
