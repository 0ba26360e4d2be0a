{%- set periods = ['day', 'week', 'month'] -%}

with report_events as (
  select * from {{ mixload.report_events() }} as events
),

{% for period in periods -%}
{{ period }}s as (
{{ mixload.retention(
  'report_events',
  var('mixload_timezone', 'UTC'),
  criterion=var('mixload_retention_criterion', 'on_or_after'),
  mode=var('mixload_retention_mode', 'rolling'),
  unit=period,
  periods=var('mixload_retention_periods', 61),
  first_time=var('mixload_retention_first_time', true)
) }}
),

{% endfor -%}
counts as (
  {%- for period in periods %}
  select '{{ period }}' as unit, * from {{ period }}s
  {{ 'union all' if not loop.last }}
  {%- endfor %}
)

select
  unit as period,
  cohort_start,
  cast(period as {{ mixload.type_name('bigint') }}) as periods_since,
  cohort_size,
  retained as retained_users
from counts
where retained > 0
