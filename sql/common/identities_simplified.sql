-- Simplified id merge: the first user that an event has together with a device keeps the device.
-- Two users are never one person.
devices AS (
  SELECT DISTINCT
    original_id,
    first_value(resolved_id) OVER (
      PARTITION BY original_id
      ORDER BY weakness, sequence NULLS FIRST, first_at NULLS LAST, resolved_id
    ) AS resolved_id
  FROM (
    -- Where Mixpanel has moved events to a user, it has decided; last, if more than once.
    SELECT original_id, resolved_id, 1 AS weakness, coalesce(-max(linked_at), 0) AS sequence, min(time) AS first_at
    FROM (
{{moved}}
    ) AS moved
    GROUP BY original_id, resolved_id
    UNION ALL
    SELECT original_id, resolved_id, 2 AS weakness, min(linked_at) AS sequence, min(time) AS first_at
    FROM (
{{pairs}}
    ) AS pairs
    GROUP BY original_id, resolved_id
  ) AS all_links
  WHERE original_id <> '' AND resolved_id <> '' AND original_id <> resolved_id AND {{is_system}}
)
