  SELECT {{columns}}, mp_processing_time_ms AS linked_at, time
  FROM {{table}}
  WHERE {{verb}}
