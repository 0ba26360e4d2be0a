  SELECT
    merged.id AS original_id,
    coalesce(nullif(merges.distinct_id, ''), merges.ids ->> 0) AS resolved_id,
    2 AS weakness,
    merges.linked_at
  FROM (
    SELECT
      distinct_id,
      CASE WHEN jsonb_typeof({{ids}}) = 'array' THEN {{ids}} ELSE '[]' END AS ids,
      mp_processing_time_ms AS linked_at
    FROM {{table}}
    WHERE event = '$merge'
  ) AS merges
  CROSS JOIN LATERAL jsonb_array_elements_text(merges.ids) AS merged (id)
