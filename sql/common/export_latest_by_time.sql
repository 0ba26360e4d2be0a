-- One row per person, event and time: the rule that other integrations document. It also merges
-- different events of one person within the same millisecond, so prefer export_latest. No column of
-- a property is called __rank: in these names two underscores come only before digits or `text`.
SELECT {{columns}}
FROM (
  SELECT
    {{columns}},
    row_number() OVER (
      PARTITION BY distinct_id, event, time
      ORDER BY mp_processing_time_ms DESC NULLS LAST, _loaded_at DESC, event_id
    ) AS __rank
  FROM {{latest}}
) AS ranked
WHERE __rank = 1
