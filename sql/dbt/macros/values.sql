{#- What the dialects say differently. -#}

{% macro type_name(type) %}
  {{ return(adapter.dispatch('type_names', 'mixload')()[type]) }}
{% endmacro %}

{% macro default__type_names() %}
  {{ return({
    'text': 'text', 'double': 'double precision', 'bigint': 'bigint', 'boolean': 'boolean', 'timestamp': 'timestamp',
    'date': 'date', 'json': 'json',
  }) }}
{% endmacro %}
{% macro postgres__type_names() %}
  {%- set names = mixload.default__type_names() -%}
  {%- do names.update({'json': 'jsonb'}) -%}
  {{ return(names) }}
{% endmacro %}
{% macro bigquery__type_names() %}
  {{ return({
    'text': 'string', 'double': 'float64', 'bigint': 'int64', 'boolean': 'bool', 'timestamp': 'timestamp', 'date': 'date',
    'json': 'json',
  }) }}
{% endmacro %}

{#- A moment as UTC without a zone, so that the session's zone does not change its day. -#}
{% macro utc(value) %}{{ return(adapter.dispatch('utc', 'mixload')(value)) }}{% endmacro %}
{% macro default__utc(value) %}{{ return('(' ~ value ~ " at time zone 'UTC')") }}{% endmacro %}
{% macro bigquery__utc(value) %}{{ return(value) }}{% endmacro %}

{#- The moment, with its zone, that such a clock shows as this text. -#}
{% macro utc_literal(text) %}{{ return(adapter.dispatch('utc_literal', 'mixload')(text)) }}{% endmacro %}
{% macro default__utc_literal(text) %}{{ return("timestamptz '" ~ text ~ "+00'") }}{% endmacro %}
{% macro bigquery__utc_literal(text) %}{{ return("timestamp '" ~ text ~ "'") }}{% endmacro %}

{#- The day of such a moment in the project's zone. -#}
{% macro local_date(value) %}{{ return(adapter.dispatch('local_date', 'mixload')(value, var('mixload_timezone', 'UTC'))) }}{% endmacro %}
{% macro default__local_date(value, zone) %}
  {{ return("cast((" ~ value ~ " at time zone 'UTC') at time zone '" ~ zone ~ "' as date)") }}
{% endmacro %}
{% macro bigquery__local_date(value, zone) %}{{ return('date(' ~ value ~ ", '" ~ zone ~ "')") }}{% endmacro %}

{#- A moment from milliseconds since 1970; null outside the years 1970 to 9999. -#}
{% macro moment(milliseconds) %}
  {{ return(
    'case when ' ~ milliseconds ~ ' between 0 and 253402300799999 then '
    ~ adapter.dispatch('moment', 'mixload')(milliseconds) ~ ' end'
  ) }}
{% endmacro %}
{% macro default__moment(milliseconds) %}{{ return('make_timestamp(' ~ milliseconds ~ ' * 1000)') }}{% endmacro %}
{% macro postgres__moment(milliseconds) %}
  {{ return("(timestamp '1970-01-01' + " ~ milliseconds ~ " * interval '1 millisecond')") }}
{% endmacro %}
{% macro bigquery__moment(milliseconds) %}{{ return('timestamp_millis(' ~ milliseconds ~ ')') }}{% endmacro %}

{% macro seconds_between(start, end) %}{{ return(adapter.dispatch('seconds_between', 'mixload')(start, end)) }}{% endmacro %}
{% macro default__seconds_between(start, end) %}
  {{ return('(epoch_ms(' ~ end ~ ') - epoch_ms(' ~ start ~ ')) / 1000.0') }}
{% endmacro %}
{% macro postgres__seconds_between(start, end) %}{{ return('extract(epoch from (' ~ end ~ ' - ' ~ start ~ '))') }}{% endmacro %}
{% macro bigquery__seconds_between(start, end) %}
  {{ return('timestamp_diff(' ~ end ~ ', ' ~ start ~ ', millisecond) / 1000') }}
{% endmacro %}

{#- A moment some days or minutes later. The macro of dbt returns no timestamp in BigQuery. -#}
{% macro later(moment, count, unit) %}{{ return(adapter.dispatch('later', 'mixload')(moment, count, unit)) }}{% endmacro %}
{% macro default__later(moment, count, unit) %}{{ return(dbt.dateadd(unit, count, moment)) }}{% endmacro %}
{% macro bigquery__later(moment, count, unit) %}
  {{ return('timestamp_add(' ~ moment ~ ', interval ' ~ count ~ ' ' ~ unit ~ ')') }}
{% endmacro %}

{#- The first day of a date's day, week (from Monday) or month. -#}
{% macro period_start(period, date) %}{{ return(adapter.dispatch('period_start', 'mixload')(period, date)) }}{% endmacro %}
{% macro default__period_start(period, date) %}{{ return("cast(date_trunc('" ~ period ~ "', " ~ date ~ ') as date)') }}{% endmacro %}
{% macro bigquery__period_start(period, date) %}
  {{ return('date_trunc(' ~ date ~ ', ' ~ ('isoweek' if period == 'week' else period) ~ ')') }}
{% endmacro %}

{#- A member of a json object, by its name; null if it does not exist. -#}
{% macro json_member(object, name) %}{{ return(adapter.dispatch('json_member', 'mixload')(object, name)) }}{% endmacro %}
{% macro default__json_member(object, name) %}
  {#- A pointer, because a name may begin with what opens a path. -#}
  {%- set pointer = '/' ~ name | replace('~', '~0') | replace('/', '~1') -%}
  {{ return('json_extract(' ~ object ~ ', ' ~ mixload.text_literal(pointer) ~ ')') }}
{% endmacro %}
{% macro postgres__json_member(object, name) %}{{ return('(' ~ object ~ ' -> ' ~ mixload.text_literal(name) ~ ')') }}{% endmacro %}
{% macro bigquery__json_member(object, name) %}{{ return(object ~ '[' ~ mixload.text_literal(name) ~ ']') }}{% endmacro %}

{% macro text_literal(text) %}{{ return(adapter.dispatch('text_literal', 'mixload')(text)) }}{% endmacro %}
{% macro default__text_literal(text) %}{{ return("'" ~ text | replace("'", "''") ~ "'") }}{% endmacro %}
{% macro bigquery__text_literal(text) %}
  {{ return("'" ~ text | replace('\\', '\\\\') | replace("'", "\\'") | replace('\n', '\\n') | replace('\r', '\\r') ~ "'") }}
{% endmacro %}

{% macro to_json(value, type) %}{{ return(adapter.dispatch('to_json', 'mixload')(value, type)) }}{% endmacro %}
{% macro default__to_json(value, type) %}
  {%- if type == 'double' -%}
    {#- It writes a whole number as 5.0. -#}
    {{ return('cast(regexp_replace(cast(to_json(' ~ value ~ ") as varchar), '\\.0$', '') as json)") }}
  {%- endif -%}
  {{ return('to_json(' ~ value ~ ')') }}
{% endmacro %}
{% macro postgres__to_json(value, type) %}{{ return('to_jsonb(' ~ value ~ ')') }}{% endmacro %}
{#- It would turn a missing value into the JSON null, which coalesce takes for a value. -#}
{% macro bigquery__to_json(value, type) %}{{ return('if(' ~ value ~ ' is null, null, to_json(' ~ value ~ '))') }}{% endmacro %}

{#- A value as text: numbers in their shortest form, moments in UTC, JSON strings unquoted. -#}
{% macro as_text(value, type) %}{{ return(adapter.dispatch('as_text', 'mixload')(value, type)) }}{% endmacro %}
{% macro default__as_text(value, type) %}
  {%- if type == 'json' -%}
    {{ return('(' ~ value ~ " ->> '$')") }}
  {%- elif type == 'double' -%}
    {{ return("regexp_replace(cast(" ~ value ~ " as varchar), '\\.0$', '')") }}
  {%- elif type == 'timestamptz' -%}
    {{ return('strftime(' ~ mixload.utc(value) ~ ", '%Y-%m-%dT%H:%M:%S.%gZ')") }}
  {%- endif -%}
  {{ return(value if type == 'text' else 'cast(' ~ value ~ ' as varchar)') }}
{% endmacro %}
{% macro postgres__as_text(value, type) %}
  {%- if type == 'json' -%}
    {{ return('(' ~ value ~ " #>> '{}')") }}
  {%- elif type == 'timestamptz' -%}
    {{ return('to_char(' ~ mixload.utc(value) ~ ", 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')") }}
  {%- endif -%}
  {{ return(value if type == 'text' else 'cast(' ~ value ~ ' as text)') }}
{% endmacro %}
{% macro bigquery__as_text(value, type) %}
  {%- if type == 'json' -%}
    {{ return('coalesce(json_value(' ~ value ~ "), nullif(to_json_string(" ~ value ~ "), 'null'))") }}
  {%- elif type == 'timestamptz' -%}
    {{ return("format_timestamp('%Y-%m-%dT%H:%M:%E3SZ', " ~ value ~ ')') }}
  {%- endif -%}
  {{ return(value if type == 'text' else 'cast(' ~ value ~ ' as string)') }}
{% endmacro %}

{#- A text as a double, bigint, boolean, timestamp or date; null if it is not one. -#}
{% macro from_text(text, type) %}{{ return(adapter.dispatch('from_text', 'mixload')(text, type)) }}{% endmacro %}
{% macro default__from_text(text, type) %}
  {%- if type == 'bigint' -%}
    {#- Else 1.7 would be 2. -#}
    {{ return("case when regexp_full_match(" ~ text ~ ", '[-+]?\\d+') then try_cast(" ~ text ~ ' as bigint) end') }}
  {%- elif type == 'boolean' -%}
    {{ return(mixload.boolean_from_text(text)) }}
  {%- elif type == 'double' -%}
    {{ return("case when regexp_full_match(" ~ text ~ ", '" ~ mixload.number_pattern() ~ "') then try_cast(" ~ text ~ ' as double) end') }}
  {%- elif type == 'date' -%}
    {{ return('cast(try_cast(' ~ text ~ ' as timestamp) as date)') }}
  {%- endif -%}
  {#- With an offset it is moved to UTC, without one it is UTC. -#}
  {{ return('try_cast(' ~ text ~ ' as timestamp)') }}
{% endmacro %}
{% macro number_pattern() %}{{ return('[-+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][-+]?[0-9]+)?') }}{% endmacro %}
{% macro postgres__from_text(text, type) %}
  {%- if type == 'boolean' -%}
    {{ return(mixload.boolean_from_text(text)) }}
  {%- endif -%}
  {#- A cast that fails would end the query, so only what is sure not to fail is cast. -#}
  {%- set day = '(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(?!0000)[0-9]{4}-(0[13-9]|1[0-2])-(29|30)|(?!0000)[0-9]{4}-(0[13578]|1[02])-31|([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)-02-29' -%}
  {%- set patterns = {
    'double': '^[-+]?([0-9]{1,200}(\.[0-9]{0,99})?|\.[0-9]{1,99})([eE][-+]?[0-9]{1,2})?$',
    'bigint': '^[-+]?[0-9]{1,18}$',
    'date': '^(' ~ day ~ ')',
    'timestamp': '^(' ~ day ~ ')([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?(Z|[-+](0[0-9]|1[0-4]):?[0-5][0-9])?)?$',
  } -%}
  {%- set type_name = mixload.type_name(type) -%}
  {%- if type == 'double' or type == 'bigint' -%}
    {{ return('case when ' ~ text ~ " ~ '" ~ patterns[type] ~ "' then cast(" ~ text ~ ' as ' ~ type_name ~ ') end') }}
  {%- endif -%}
  {#- Without a zone it is UTC, whatever the session's zone is. -#}
  {%- set zoned = 'case when ' ~ text ~ " ~ '(Z|[-+][0-9]{2}:?[0-9]{2})$' and length(" ~ text ~ ') > 10 then ' ~ text ~ ' else ' ~ text ~ " || ' UTC' end" -%}
  {{ return(
    'case when ' ~ text ~ " ~ '" ~ patterns['timestamp'] ~ "' then cast(cast(" ~ zoned
    ~ " as timestamptz) at time zone 'UTC' as " ~ type_name ~ ') end'
  ) }}
{% endmacro %}
{% macro bigquery__from_text(text, type) %}
  {%- if type == 'bigint' -%}
    {{ return("if(regexp_contains(" ~ text ~ ", r'^[-+]?[0-9]+$'), safe_cast(" ~ text ~ ' as int64), null)') }}
  {%- elif type == 'boolean' -%}
    {{ return(mixload.boolean_from_text(text)) }}
  {%- elif type == 'double' -%}
    {{ return("if(regexp_contains(" ~ text ~ ", r'^" ~ mixload.number_pattern() ~ "$'), safe_cast(" ~ text ~ ' as float64), null)') }}
  {%- elif type == 'date' -%}
    {{ return('date(safe_cast(' ~ text ~ ' as timestamp))') }}
  {%- endif -%}
  {{ return('safe_cast(' ~ text ~ ' as ' ~ mixload.type_name(type) ~ ')') }}
{% endmacro %}

{% macro boolean_from_text(text) %}
  {{ return('case lower(' ~ text ~ ") when 'true' then true when 'false' then false end") }}
{% endmacro %}

{#- Whole weeks between two Mondays. -#}
{% macro weeks_between(start, end) %}
  {{ return('cast(' ~ dbt.datediff(start, end, 'day') ~ ' / 7 as ' ~ mixload.type_name('bigint') ~ ')') }}
{% endmacro %}
