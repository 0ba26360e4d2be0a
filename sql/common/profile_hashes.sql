-- What the newest change of each profile says, but for profiles that are gone.
SELECT distinct_id, _hash
FROM (
  SELECT
    distinct_id,
    _change,
    _hash,
    row_number() OVER (PARTITION BY distinct_id ORDER BY _changed_at DESC, _loaded_at DESC) AS _rank
  FROM {{table}}
) AS ranked
WHERE _rank = 1 AND _change <> 'gone'
