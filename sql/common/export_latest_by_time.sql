-- One row for each person, event and time, the rule that other integrations document. It merges honest events that one
-- person made within the same millisecond: prefer export_latest where $insert_id is sent.
-- No property's column is called __rank: in their names two underscores stand only before digits or `text`.
SELECT {{columns}}
FROM (
  SELECT
    {{columns}},
    row_number() OVER (
      PARTITION BY distinct_id, event, time
      ORDER BY mp_processing_time_ms DESC NULLS LAST, _loaded_at DESC, event_id
    ) AS __rank
  FROM {{table}}
) AS ranked
WHERE __rank = 1
