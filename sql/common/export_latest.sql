-- One row an event, by Mixpanel's own rule: rows that agree in event, person, time and $insert_id are one event, and
-- the one processed last counts. The person is the one first ingested, because merging re-keys rows later.
-- Keys that are null compare equal. A filter on event or time reaches the table itself.
-- No property's column is called __rank: in their names two underscores stand only before digits or `text`.
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
