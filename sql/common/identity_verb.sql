  -- An id can be identified, or be made an alias, once. Mixpanel refuses a second time.
  SELECT DISTINCT
    original_id,
    first_value(resolved_id) OVER (
      PARTITION BY original_id
      ORDER BY linked_at NULLS FIRST, time NULLS LAST, resolved_id
    ) AS resolved_id,
    first_value(linked_at) OVER (
      PARTITION BY original_id
      ORDER BY linked_at NULLS FIRST, time NULLS LAST, resolved_id
    ) AS linked_at
  FROM (
    SELECT {{original}} AS original_id, coalesce({{resolved}}) AS resolved_id, linked_at, time
    FROM verbs
    WHERE event = {{event}}
  ) AS named
  WHERE original_id <> '' AND resolved_id <> '' AND original_id <> resolved_id
