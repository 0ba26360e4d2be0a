{#-
  A funnel, with one row for each step: how many attempts reached it, as shares of the first step
  and of the step before, and the mean seconds since then. It takes the arguments of
  `funnel_attempts`. In any order, step N is the Nth that was done.
-#}
{%- macro funnel(
  events, steps, timezone='UTC', first_day=none, last_day=none, count='uniques', window=none, window_unit=none,
  order='specific', hold=[], exclusions=[], optimized_reentry=false, grace_seconds=2, session_minutes=30
) -%}
{{ mixload.funnel_tables(
  events, steps, timezone, first_day, last_day, count, window, window_unit, order, hold, exclusions,
  optimized_reentry, grace_seconds, session_minutes
) }},

totals as (
  select
    count(*) as reached_1
    {%- for step in steps[1:] %}
    {%- set place = loop.index + 1 %},
    count(at_{{ place }}) as reached_{{ place }},
    avg({{ mixload.report_micros('at_' ~ place) }} - {{ mixload.report_micros('at_' ~ (place - 1)) }}) / 1000000 as from_previous_{{ place }},
    avg({{ mixload.report_micros('at_' ~ place) }} - {{ mixload.report_micros('at_1') }}) / 1000000 as from_start_{{ place }}
    {%- endfor %}
  from attempts
)
{% for step in steps %}
select
  {{ loop.index }} as step_number,
  {{ mixload.report_text(mixload.funnel_step_name(step)) }} as step_name,
  reached_{{ loop.index }} as reached,
  {{ mixload.report_ratio('reached_' ~ loop.index, 'reached_1') }} as conversion_rate,
  {{ mixload.report_ratio('reached_' ~ loop.index, 'reached_' ~ (loop.index - 1 if not loop.first else 1)) }} as step_conversion_rate,
  {{ mixload.report_double('null' if loop.first else 'from_previous_' ~ loop.index) }} as seconds_from_previous,
  {{ mixload.report_double('null' if loop.first else 'from_start_' ~ loop.index) }} as seconds_from_start
from totals
{{ 'union all' if not loop.last }}
{%- endfor %}
order by step_number
{%- endmacro -%}

{%- macro funnel_step_name(step) -%}
  {%- if step.get('name') -%}
    {{ step['name'] }}
  {%- elif not step.get('event') -%}
    Any event
  {%- else -%}
    {{ step['event'] if step['event'] is string else step['event'] | join(' or ') }}
  {%- endif -%}
{%- endmacro -%}
