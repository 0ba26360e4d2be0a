  SELECT
    merged AS original_id,
    CASE WHEN merges.distinct_id IN UNNEST(merges.ids) THEN merges.distinct_id ELSE merges.ids[SAFE_OFFSET(0)] END AS resolved_id,
    merges.linked_at
  FROM (
    SELECT
      distinct_id,
      CASE WHEN JSON_TYPE({{ids}}) = 'array' THEN JSON_VALUE_ARRAY({{ids}}) END AS ids,
      linked_at
    FROM verbs
    WHERE event = '$merge'
  ) AS merges
  CROSS JOIN UNNEST(merges.ids) AS merged
