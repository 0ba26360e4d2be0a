-- From each id that Mixpanel has joined to another one to the id that stands for the person now. Ids that were never
-- joined to another are not in it. What is said follows only from what was exported: see docs/tables.md.
WITH RECURSIVE said AS (
{{said}}
),
-- Of what was said about an id, one thing counts: the strongest, and of those the latest.
links AS (
  SELECT original_id, resolved_id, weakness, said_at
  FROM (
    SELECT
      original_id,
      resolved_id,
      weakness,
      said_at,
      row_number() OVER (
        PARTITION BY original_id
        ORDER BY weakness, said_at DESC NULLS LAST, resolved_id
      ) AS __rank
    FROM said
    WHERE original_id <> '' AND resolved_id <> '' AND original_id <> resolved_id
  ) AS ranked
  WHERE __rank = 1
),
-- From link to link. A chain ends where no link goes on, or where it comes back to its beginning.
chains AS (
  SELECT original_id, resolved_id AS reached_id, 1 AS steps
  FROM links
  UNION ALL
  SELECT chains.original_id, links.resolved_id AS reached_id, chains.steps + 1 AS steps
  FROM chains
  JOIN links ON links.original_id = chains.reached_id
  WHERE chains.reached_id <> chains.original_id AND chains.steps < 32
),
-- The ids that a chain may end at: one without a link, or those of a circle.
ends AS (
  SELECT DISTINCT chains.reached_id AS end_id, 3 AS weakness, CAST(NULL AS BIGINT) AS said_at
  FROM chains
  LEFT JOIN links ON links.original_id = chains.reached_id
  WHERE links.original_id IS NULL
  UNION ALL
  SELECT links.original_id AS end_id, links.weakness, links.said_at
  FROM chains
  JOIN links ON links.original_id = chains.original_id
  WHERE chains.reached_id = chains.original_id
)
-- A circle ends where its weakest link begins.
SELECT original_id, resolved_id
FROM (
  SELECT
    chains.original_id,
    ends.end_id AS resolved_id,
    row_number() OVER (
      PARTITION BY chains.original_id
      ORDER BY ends.weakness DESC, ends.said_at NULLS FIRST, ends.end_id
    ) AS __rank
  FROM chains
  JOIN ends ON ends.end_id = chains.reached_id
) AS ranked
WHERE __rank = 1 AND original_id <> resolved_id
