      SELECT
        CASE WHEN device LIKE '$device:%' THEN device ELSE concat('$device:', device) END AS original_id,
        resolved_id,
        linked_at,
        time
      FROM (
        SELECT {{device}} AS device, {{user}} AS resolved_id, min(mp_processing_time_ms) AS linked_at, min(time) AS time
        FROM {{table}}
        WHERE {{device}} <> '' AND {{user}} <> ''{{accepted}}
        GROUP BY {{device}}, {{user}}
      ) AS grouped
