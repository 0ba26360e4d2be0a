-- For each companion column of a table: how many values it has, and the beginning of one of them.
SELECT companion.*
FROM (
  SELECT {{counts}}
  FROM {{table}}
) AS counts
CROSS JOIN LATERAL (VALUES
  {{rows}}
) AS companion (table_name, column_name, companion_column, property, value_count, example)
