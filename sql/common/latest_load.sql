-- Of each {{unit}} the rows that were loaded last, all of them: what is no longer told does not stay on from a load before.
-- No property's column is called __rank: in their names two underscores stand only before digits or `text`.
SELECT {{columns}}
FROM (
  SELECT
    {{columns}},
    rank() OVER (PARTITION BY {{unit}} ORDER BY _loaded_at DESC) AS __rank
  FROM {{table}}
) AS ranked
WHERE __rank = 1
