{#-
  Properties as columns of a select list. Values come from the property's own column, from its
  companion for values that do not fit, or from the json column.

    select event_id, {{ mixload.properties(
      'export', ['plan', {'property': '$browser', 'as': 'browser'}]) }}
    from {{ source('mixpanel', 'export') }}

  Each is a name, or a dictionary of `property`, `as` (default: mixload's column name) and `type`:
  text (default), double, bigint, boolean, timestamp, date or json. A value of another type is
  null. `property` may be a list, of which the first value that is not null counts. With
  `any_case: true`, properties that differ only in upper and lower case count too.
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
  {%- set names = [entry['property']] if entry['property'] is string else entry['property'] -%}
  {%- set own = columns | selectattr('property', 'equalto', names[0]) | rejectattr('role', 'equalto', 'companion') | map(attribute='name') | first -%}
  {{ return({
    'property': mixload.in_any_case(columns, names) if entry.get('any_case') else names,
    'type': entry.get('type', 'text'),
    'as': entry.get('as', own or mixload.column_name(names[0])),
  }) }}
{% endmacro %}

{#- These properties, and those of the table that differ from them only in case. -#}
{% macro in_any_case(columns, names) %}
  {%- set found = names | list -%}
  {%- set folded = names | map('lower') | list -%}
  {%- for column in columns if column['property'] is not none and column['property'] | lower in folded and column['property'] not in found -%}
    {%- do found.append(column['property']) -%}
  {%- endfor -%}
  {{ return(found) }}
{% endmacro %}

{#- The name that mixload would give to a property's column. -#}
{% macro column_name(property) %}
  {%- set spelled = modules.re.sub('^[$](mp_)?', 'mp_', property | lower) -%}
  {%- set cleaned = modules.re.sub('_$', '', modules.re.sub('[\W_]+', '_', spelled)) -%}
  {%- set name = (cleaned if spelled[:1] == '_' else modules.re.sub('^_', '', cleaned)) or '_' -%}
  {%- if target.type == 'postgres' and name in ('ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid') -%}
    {{ return(name ~ '_2') }}
  {%- endif -%}
  {{ return('_' ~ name if modules.re.match('\d', name) else name) }}
{% endmacro %}

{#-
  The value of a property, or of the first of several that has one. `columns` is what `columns_of`
  returns.
-#}
{% macro property(columns, property, type='text') %}
  {%- set values = [] -%}
  {%- for name in ([property] if property is string else property) -%}
    {%- do values.extend(mixload.places_of(columns, name, type)) -%}
  {%- endfor -%}
  {%- if values | length == 0 -%}
    {{ return('cast(null as ' ~ mixload.type_name(type) ~ ')') }}
  {%- elif values | length == 1 -%}
    {{ return(values[0]) }}
  {%- endif -%}
  {{ return('coalesce(' ~ values | join(', ') ~ ')') }}
{% endmacro %}

{#- The places where a property may have its value, as expressions. -#}
{% macro places_of(columns, property, type) %}
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
  {{ return(values) }}
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
