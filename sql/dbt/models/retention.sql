{%- set periods = ['day', 'week', 'month'] -%}

with
{%- for period in periods %}
{{ period }}s as (
  select distinct
    person_id,
    {{ mixload.period_start(period, 'date_day') }} as period_start
  from {{ ref('person_days') }}
),

{{ period }}_ages as (
  select
    period_start,
    min(period_start) over (partition by person_id) as cohort_start
  from {{ period }}s
),

{{ period }}_counts as (
  select
    '{{ period }}' as period,
    cohort_start,
    {{ dbt.datediff('cohort_start', 'period_start', period) if period != 'week'
       else mixload.weeks_between('cohort_start', 'period_start') }} as periods_since,
    count(*) as retained_users
  from {{ period }}_ages
  group by 1, 2, 3
){{ ',' if not loop.last }}
{%- endfor %}

select
  period,
  cohort_start,
  cast(periods_since as {{ mixload.type_name('bigint') }}) as periods_since,
  first_value(retained_users) over (partition by period, cohort_start order by periods_since) as cohort_size,
  retained_users
from (
  {%- for period in periods %}
  select * from {{ period }}_counts
  {{ 'union all' if not loop.last }}
  {%- endfor %}
) as counts
