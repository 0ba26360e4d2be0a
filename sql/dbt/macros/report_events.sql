{#-
  The events of reports as a subquery in parentheses, with the person of each and more columns of
  the model `events`. Hidden events (var `mixload_hidden_events`) are left out.

    {{ mixload.retention(mixload.report_events(), var('mixload_timezone', 'UTC'), unit='week') }}
-#}
{% macro report_events(columns=[]) %}
  {%- set hidden = var('mixload_hidden_events', []) -%}
(
  select
    events.event_id,
    events.event_name,
    {{ mixload.utc('events.occurred_at') }} as occurred_at,
    {%- for column in columns %}
    events.{{ column }},
    {%- endfor %}
    identities.person_id
  from {{ ref('mixload', 'events') }} as events
  join {{ ref('mixload', 'identities') }} as identities on identities.distinct_id = events.distinct_id
  {%- if hidden | length > 0 %}
  where events.event_name not in ({% for name in hidden %}{{ mixload.text_literal(name) }}{{ ', ' if not loop.last }}{% endfor %})
  {%- endif %}
)
{%- endmacro %}
