-- The rows of these days that are copies of an event which another row shows better: one that
-- Mixpanel processed later; or else one that was deleted, or moved to another person, because an
-- older file can be loaded later; or else one that was loaded later. Rows with the same event_id
-- are copies of one event. No column of a property is called __rank or __hash: in these names two
-- underscores come only before digits or `text`.
SELECT _mixload_row AS row_id, _day AS day, __hash AS row_hash
FROM (
  SELECT
    _mixload_row,
    _day,
    {{hash}} AS __hash,
    row_number() OVER (
      PARTITION BY event_id
      ORDER BY
        {{processed}} DESC NULLS LAST,
        CASE WHEN {{deleted}} THEN 0 ELSE 1 END,
        CASE WHEN {{moved}} THEN 0 ELSE 1 END,
        _loaded_at DESC,
        time DESC NULLS LAST,
        distinct_id,
        _mixload_row
    ) AS __rank
  FROM {{table}}
  WHERE ({{days}}) AND event_id IN (
    SELECT event_id
    FROM {{table}}
    WHERE {{days}}
    GROUP BY event_id
    HAVING count(*) > 1
  )
) AS ranked
WHERE __rank > 1 AND _mixload_row IS NOT NULL AND NOT EXISTS (
  SELECT 1
  FROM {{superseded}} AS known
  WHERE known.row_id = ranked._mixload_row
)
