-- All rows of the latest load of each {{unit}}. Rows of earlier loads do not remain. No column of a
-- property is called __rank: in these names two underscores come only before digits or `text`.
SELECT {{columns}}
FROM (
  SELECT
    {{columns}},
    rank() OVER (PARTITION BY {{unit}} ORDER BY _loaded_at DESC) AS __rank
  FROM {{table}}
) AS ranked
WHERE __rank = 1
