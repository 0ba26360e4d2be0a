-- What the rows of these days say, as hashes. Entries of superseded rows stay when their rows are
-- removed.
SELECT _mixload_hash AS row_hash, false AS is_superseded
FROM {{table}} AS __rows
WHERE _day BETWEEN {{first}} AND {{last}} AND _mixload_hash IS NOT NULL AND NOT EXISTS (
  SELECT 1
  FROM {{superseded}} AS superseded
  WHERE superseded.row_id = __rows._mixload_row
)
UNION ALL
SELECT row_hash, true AS is_superseded
FROM {{superseded}}
WHERE day BETWEEN {{first}} AND {{last}} AND row_hash IS NOT NULL
