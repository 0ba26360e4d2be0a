-- The properties in the overflow column of a table, and how many rows have each. JSON_KEYS quotes
-- names with characters other than letters and digits.
SELECT
  {{name}} AS table_name,
  IF(STARTS_WITH(key, '"'), COALESCE(JSON_VALUE(key, '$'), key), key) AS property,
  COUNT(*) AS row_count
FROM (SELECT JSON_KEYS({{more}}, 1) AS keys FROM {{table}} WHERE {{more}} IS NOT NULL) AS __rows, UNNEST(__rows.keys) AS key
GROUP BY 1, 2
