  SELECT
    unnest(ids) AS original_id,
    coalesce(nullif(distinct_id, ''), ids[1]) AS resolved_id,
    2 AS weakness,
    linked_at
  FROM (
    SELECT
      distinct_id,
      from_json({{ids}}, '["VARCHAR"]') AS ids,
      mp_processing_time_ms AS linked_at
    FROM {{table}}
    WHERE event = '$merge'
  ) AS merges
