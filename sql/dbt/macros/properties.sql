{#-
  Properties as columns of a select list. Values come from the property's own column, from its
  companion for values that do not fit, or from the json column.

    select event_id, {{ mixload.properties(
      'export', ['plan', {'property': '$browser', 'as': 'browser'}]) }}
    from {{ source('mixpanel', 'export') }}

  Each is a name, or a dictionary of `property`, `as` (default: mixload's column name) and `type`:
  text (default), double, bigint, boolean, timestamp, date or json. A value of another type is
  null.
-#}
{% macro properties(table, properties) %}
  {%- set columns = mixload.columns_of(table) -%}
  {%- for given in properties %}
  {%- set entry = mixload.property_entry(columns, given) %}
  {{ mixload.property(columns, entry['property'], entry['type']) }} as {{ adapter.quote(entry['as']) }}{{ ',' if not loop.last }}
  {%- endfor %}
{% endmacro %}

{#- What `properties` takes, as a dictionary with all of its keys. -#}
{% macro property_entry(columns, given) %}
  {%- set entry = {'property': given} if given is string else given -%}
  {%- set own = columns | selectattr('property', 'equalto', entry['property']) | rejectattr('role', 'equalto', 'companion') | map(attribute='name') | first -%}
  {{ return({
    'property': entry['property'],
    'type': entry.get('type', 'text'),
    'as': entry.get('as', own or mixload.column_name(entry['property'])),
  }) }}
{% endmacro %}

{#- The name that mixload would give to a property's column. -#}
{% macro column_name(property) %}
  {%- set spelled = 'mp_' ~ property[1:] if property[:1] == '$' else property -%}
  {%- set name = modules.re.sub('[\W_]+', '_', spelled | lower) or '_' -%}
  {%- if target.type == 'postgres' and name in ('ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid') -%}
    {{ return(name ~ '_2') }}
  {%- endif -%}
  {{ return('_' ~ name if modules.re.match('\d', name) else name) }}
{% endmacro %}

{#- The value of one property; `columns` is what `columns_of` returns. -#}
{% macro property(columns, property, type='text') %}
  {%- set texts = [] -%}
  {%- set values = [] -%}
  {%- for column in columns if column['property'] == property and column['role'] != 'companion' -%}
    {%- do values.append(mixload.converted(adapter.quote(column['name']), column['type'], type)) -%}
    {%- for companion in columns if companion['role'] == 'companion' and companion['owner'] == column['name'] -%}
      {%- do values.append(mixload.converted(adapter.quote(companion['name']), 'text', type)) -%}
    {%- endfor -%}
  {%- endfor -%}
  {%- for column in columns if column['role'] == 'overflow' -%}
    {%- set member = mixload.json_member(adapter.quote(column['name']), property) -%}
    {%- do values.append(mixload.converted(member, 'json', type)) -%}
  {%- endfor -%}
  {%- if values | length == 0 -%}
    {{ return('cast(null as ' ~ mixload.type_name(type) ~ ')') }}
  {%- elif values | length == 1 -%}
    {{ return(values[0]) }}
  {%- endif -%}
  {{ return('coalesce(' ~ values | join(', ') ~ ')') }}
{% endmacro %}

{#- An expression of one of mixload's types as a value of another; null if it is not one. -#}
{% macro converted(value, from, to) %}
  {%- if to == 'json' -%}
    {{ return(value if from == 'json' else mixload.to_json(value, from)) }}
  {%- elif from == 'timestamptz' and to in ('timestamp', 'date') -%}
    {{ return('cast(' ~ mixload.utc(value) ~ ' as ' ~ mixload.type_name(to) ~ ')') }}
  {%- elif from == to or (from == 'bigint' and to == 'double') -%}
    {{ return('cast(' ~ value ~ ' as ' ~ mixload.type_name(to) ~ ')') }}
  {%- endif -%}
  {%- set text = mixload.as_text(value, from) -%}
  {{ return(text if to == 'text' else mixload.from_text(text, to)) }}
{% endmacro %}
