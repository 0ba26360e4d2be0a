  -- Events that Mixpanel has moved to another person. They come first, because Mixpanel decides
  -- which id counts.
  SELECT
    {{original}} AS original_id,
    distinct_id AS resolved_id,
    1 AS weakness,
    mp_processing_time_ms AS linked_at
  FROM {{table}}
  WHERE {{original}} IS NOT NULL
