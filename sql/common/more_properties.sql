-- The properties in the overflow column of a table, and how many rows have each.
SELECT {{name}} AS table_name, entry.key AS property, count(*) AS row_count
FROM {{table}} AS __rows, json_each(__rows.{{more}}) AS entry
GROUP BY entry.key
