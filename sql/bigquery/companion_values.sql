-- For each companion column of a table: how many values it has, and the beginning of one of them.
SELECT companion.table_name, companion.column_name, companion.companion_column, companion.property,
  companion.value_count, companion.example
FROM (
  SELECT {{counts}}
  FROM {{table}}
) AS counts, UNNEST([
  {{rows}}
]) AS companion
