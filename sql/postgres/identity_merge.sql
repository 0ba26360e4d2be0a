  SELECT
    merged.id AS original_id,
    CASE WHEN merges.ids ? merges.distinct_id THEN merges.distinct_id ELSE merges.ids ->> 0 END AS resolved_id,
    merges.linked_at
  FROM (
    SELECT
      distinct_id,
      CASE WHEN jsonb_typeof({{ids}}) = 'array' THEN {{ids}} ELSE '[]' END AS ids,
      linked_at
    FROM verbs
    WHERE event = '$merge'
  ) AS merges
  CROSS JOIN LATERAL jsonb_array_elements_text(merges.ids) AS merged (id)
