-- Of each {{unit}} the rows that were loaded last, all of them: what is no longer told does not stay on from a load before.
SELECT {{columns}}
FROM (
  SELECT
    {{columns}},
    rank() OVER (PARTITION BY {{unit}} ORDER BY _loaded_at DESC) AS _rank
  FROM {{table}}
) AS ranked
WHERE _rank = 1
