{#-
  What the dialects say differently, for the macros of reports. Moments are `timestamptz`, on
  BigQuery `TIMESTAMP`. mixload itself renders the macros of this folder, too, so they have neither
  `return` nor `do`, and call no macros of other folders.
-#}

{#- A text as a literal. -#}
{%- macro report_text(text) -%}
  {%- if target.type == 'bigquery' -%}
    '{{ text | replace('\\', '\\\\') | replace("'", "\\'") | replace('\n', '\\n') | replace('\r', '\\r') }}'
  {%- else -%}
    '{{ text | replace("'", "''") }}'
  {%- endif -%}
{%- endmacro -%}

{#- The day of a moment in a time zone. -#}
{%- macro report_day(moment, timezone) -%}
  {%- if target.type == 'bigquery' -%}
    date({{ moment }}, {{ mixload.report_text(timezone) }})
  {%- else -%}
    cast({{ moment }} at time zone {{ mixload.report_text(timezone) }} as date)
  {%- endif -%}
{%- endmacro -%}

{#- A moment as microseconds since 1970. -#}
{%- macro report_micros(moment) -%}
  {%- if target.type == 'bigquery' -%}
    unix_micros({{ moment }})
  {%- elif target.type == 'postgres' -%}
    cast(extract(epoch from {{ moment }}) * 1000000 as bigint)
  {%- else -%}
    epoch_us({{ moment }})
  {%- endif -%}
{%- endmacro -%}

{#- Whether an event is a step: it has the name, or one of the names, and meets the condition. -#}
{%- macro report_is_event(step) -%}
  {%- set names = [step['event']] if step['event'] is string else step['event'] -%}
  (event_name in ({% for name in names %}{{ mixload.report_text(name) }}{{ ', ' if not loop.last }}{% endfor %})
  {%- if step.get('where') %} and coalesce(({{ step['where'] }}), false){% endif %})
{%- endmacro -%}

{#- Has a table of a WITH clause computed once. BigQuery has no word for it. -#}
{%- macro report_materialized() -%}{{ '' if target.type == 'bigquery' else ' materialized' }}{%- endmacro -%}
