  -- Events that Mixpanel has moved to another person: nobody knows better than Mixpanel which id counts.
  SELECT
    mp_distinct_id_before_identity AS original_id,
    distinct_id AS resolved_id,
    1 AS weakness,
    mp_processing_time_ms AS said_at
  FROM {{table}}
  WHERE mp_distinct_id_before_identity IS NOT NULL
