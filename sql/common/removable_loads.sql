-- Rows that only cost space: those of which a later load has the same {{unit}}.
EXISTS (
  SELECT 1
  FROM (
    SELECT {{unit}}, max(_loaded_at) AS _loaded_at
    FROM {{table}} AS loaded
    WHERE {{days}}
    GROUP BY {{unit}}
  ) AS latest
  WHERE {{is_same}} AND latest._loaded_at > __rows._loaded_at
)
