-- The properties in the overflow column of a table, and how many rows have each.
SELECT CAST({{name}} AS text) AS table_name, entry.key AS property, count(*) AS row_count
FROM {{table}} AS __rows, jsonb_each(__rows.{{more}}) AS entry
GROUP BY entry.key
