-- One row per event, by Mixpanel's own rule: rows with the same event, person, time and $insert_id
-- are one event, and the row that was processed last counts. The person is the original one,
-- because merging changes distinct_id later. Null keys compare equal. A filter on event or time
-- reaches the table itself. No column of a property is called __rank: in these names two
-- underscores come only before digits or `text`.
SELECT {{columns}}
FROM (
  SELECT
    {{columns}},
    row_number() OVER (
      PARTITION BY event, coalesce(mp_distinct_id_before_identity, distinct_id), time, mp_insert_id
      ORDER BY mp_processing_time_ms DESC NULLS LAST, _loaded_at DESC, event_id
    ) AS __rank
  FROM {{table}}
) AS ranked
WHERE __rank = 1
