  SELECT
    unnest(ids) AS original_id,
    CASE WHEN list_contains(ids, distinct_id) THEN distinct_id ELSE ids[1] END AS resolved_id,
    linked_at
  FROM (
    SELECT distinct_id, from_json({{ids}}, '["VARCHAR"]') AS ids, linked_at
    FROM verbs
    WHERE event = '$merge'
  ) AS merges
