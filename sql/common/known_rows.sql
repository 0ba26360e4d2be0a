-- What the rows of these days say, as hashes. A superseded row may return if only the order of
-- loads decided against it: loaded again, it would be shown. Nothing else is known of rows that
-- were removed, whose entries stay. No column of a property is called __rows, __hidden or __rank:
-- in these names two underscores come only before digits or `text`.
SELECT _mixload_hash AS row_hash, false AS may_return
FROM {{table}} AS __rows
WHERE _day BETWEEN {{first}} AND {{last}} AND _mixload_hash IS NOT NULL AND NOT EXISTS (
  SELECT 1
  FROM {{superseded}} AS superseded
  WHERE superseded.row_id = __rows._mixload_row
)
UNION ALL
SELECT _mixload_hash AS row_hash, __rank = 1 AS may_return
FROM (
  SELECT
    _mixload_row,
    _mixload_hash,
    rank() OVER (
      PARTITION BY event_id
      ORDER BY
        {{processed}} DESC NULLS LAST,
        CASE WHEN {{deleted}} THEN 0 ELSE 1 END,
        CASE WHEN {{moved}} THEN 0 ELSE 1 END
    ) AS __rank
  FROM {{table}}
  WHERE _day BETWEEN {{first}} AND {{last}} AND event_id IN (
    SELECT event_id
    FROM {{table}}
    WHERE _day BETWEEN {{first}} AND {{last}}
    GROUP BY event_id
    HAVING count(*) > 1
  )
) AS __hidden
WHERE _mixload_hash IS NOT NULL AND EXISTS (
  SELECT 1
  FROM {{superseded}} AS superseded
  WHERE superseded.row_id = __hidden._mixload_row
)
UNION ALL
SELECT row_hash, true AS may_return
FROM {{superseded}} AS __removed
WHERE day BETWEEN {{first}} AND {{last}} AND row_hash IS NOT NULL AND NOT EXISTS (
  SELECT 1
  FROM {{table}} AS __rows
  WHERE __rows._day BETWEEN {{first}} AND {{last}} AND __rows._mixload_row = __removed.row_id
)
