  SELECT
    merged AS original_id,
    coalesce(nullif(merges.distinct_id, ''), merges.ids[SAFE_OFFSET(0)]) AS resolved_id,
    2 AS weakness,
    merges.linked_at
  FROM (
    SELECT
      distinct_id,
      CASE WHEN JSON_TYPE({{ids}}) = 'array' THEN JSON_VALUE_ARRAY({{ids}}) END AS ids,
      mp_processing_time_ms AS linked_at
    FROM {{table}}
    WHERE event = '$merge'
  ) AS merges
  CROSS JOIN UNNEST(merges.ids) AS merged
