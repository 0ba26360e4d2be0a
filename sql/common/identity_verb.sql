  SELECT
    {{original}} AS original_id,
    coalesce({{resolved}}) AS resolved_id,
    2 AS weakness,
    mp_processing_time_ms AS linked_at
  FROM {{table}}
  WHERE event = {{event}} AND {{original}} IS NOT NULL
