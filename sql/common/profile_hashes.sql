-- The newest hash of each profile that is not gone.
SELECT distinct_id, _hash
FROM (
  SELECT
    distinct_id,
    _change,
    _hash,
    row_number() OVER (PARTITION BY distinct_id ORDER BY _changed_at DESC, _loaded_at DESC) AS __rank
  FROM {{table}}
) AS ranked
WHERE __rank = 1 AND _change <> 'gone'
