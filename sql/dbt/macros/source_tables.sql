{#- A table that mixload loads, or none if it has not been loaded yet. -#}
{% macro loaded(table) %}
  {%- set relation = source('mixpanel', table) -%}
  {%- if execute -%}
    {{ return(adapter.get_relation(relation.database, relation.schema, relation.identifier)) }}
  {%- endif -%}
  {{ return(none) }}
{% endmacro %}

{#-
  The columns that a table has, from the ledger: a list of dictionaries of `property`, `name`,
  `type`, `role` and `owner`. Names are marked
  in the query, because dbt converts texts that look like numbers.
-#}
{% macro columns_of(table) %}
  {%- set ledger = mixload.loaded('_mixload_columns') -%}
  {%- set relation = mixload.loaded(table) -%}
  {%- set columns = [] -%}
  {%- if ledger is not none and relation is not none -%}
    {%- set there = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- set found -%}
      select
        '=' || coalesce(property, '') as property,
        property is null as has_none,
        '=' || column_name as name,
        column_type as type,
        column_role as role,
        '=' || coalesce(owner_column, '') as owner
      from {{ ledger }}
      where table_name = '{{ table }}'
    {%- endset -%}
    {%- for row in run_query(found).rows -%}
      {%- set name = row[2][1:] -%}
      {%- if name in there -%}
        {%- do columns.append({
          'property': none if row[1] else row[0][1:],
          'name': name,
          'type': row[3],
          'role': row[4],
          'owner': row[5][1:],
        }) -%}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
  {{ return(columns) }}
{% endmacro %}

{#-
  The query of a staging model: the rows of a table, with entries `{as, type}` and one of
  `property`, `column` and `persons`: properties of which the first that is not empty counts. If the
  table does not exist, it has the same columns and no rows. It can read a view
  instead of the table. With `since`, a literal, it returns only rows loaded later; the comparison
  uses the bare column, so that the warehouse can skip other rows.
-#}
{% macro stage(table, entries, view=none, since=none) %}
  {%- set relation = mixload.loaded(view or table) -%}
  {%- set columns = mixload.columns_of(table) -%}
select
  {%- for entry in entries %}
  {{ mixload.entry_value(columns, entry) }} as {{ entry['as'] }}{{ ',' if not loop.last }}
  {%- endfor %}
from {% if relation is none %}(select 1 as nothing) as nothing
where false{% else %}{{ relation }}{% if since is not none %}
where _loaded_at > {{ since }}{% endif %}{% endif %}
{% endmacro %}

{% macro entry_value(columns, entry) %}
  {%- if 'persons' in entry -%}
    {%- set values = [] -%}
    {%- for property in entry['persons'] -%}
      {%- do values.append('nullif(' ~ mixload.property(columns, property) ~ ", '')") -%}
    {%- endfor -%}
    {{ return('coalesce(' ~ values | join(', ') ~ ')') }}
  {%- endif -%}
  {%- if 'property' in entry -%}
    {{ return(mixload.property(columns, entry['property'], entry['type'])) }}
  {%- endif -%}
  {%- for column in columns if column['name'] == entry['column'] -%}
    {{ return(mixload.converted(adapter.quote(column['name']), column['type'], entry['type'])) }}
  {%- endfor -%}
  {{ return('cast(null as ' ~ mixload.type_name(entry['type']) ~ ')') }}
{% endmacro %}

{#- dbt replaces whatever has a model's name: that must not be a table that mixload loads. -#}
{% macro assert_schemas_apart() %}
  {%- if execute -%}
    {%- set source_schemas = [] -%}
    {%- for source in graph.sources.values() if source.source_name == 'mixpanel' -%}
      {%- do source_schemas.append((source.database or target.database, source.schema)) -%}
    {%- endfor -%}
    {%- for node in graph.nodes.values() if node.package_name == 'mixload' and node.resource_type == 'model' -%}
      {%- if (node.database or target.database, node.schema) in source_schemas -%}
        {{ exceptions.raise_compiler_error(
          'Model ' ~ node.name ~ ' would be made in schema ' ~ node.schema ~ ', where mixload keeps its own tables of ' ~
          'the same names. Give the models another schema: in the profile, or in dbt_project.yml by models: mixload: +schema.'
        ) }}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
{% endmacro %}
