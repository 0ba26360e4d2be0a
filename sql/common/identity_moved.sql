    SELECT
      {{original}} AS original_id,
      distinct_id AS resolved_id,
      mp_processing_time_ms AS linked_at,
      time
    FROM {{table}}
    WHERE {{original}} IS NOT NULL
