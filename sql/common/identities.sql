-- Maps each id that Mixpanel has linked to another one to the id that represents the person now.
-- Ids that were never linked are not in it. The links come from exported events only: see
-- docs/tables.md.
WITH RECURSIVE all_links AS (
{{links}}
),
-- One link counts per id: the strongest, and among those the latest.
links AS (
  SELECT original_id, resolved_id, weakness, linked_at
  FROM (
    SELECT
      original_id,
      resolved_id,
      weakness,
      linked_at,
      row_number() OVER (
        PARTITION BY original_id
        ORDER BY weakness, linked_at DESC NULLS LAST, resolved_id
      ) AS __rank
    FROM all_links
    WHERE original_id <> '' AND resolved_id <> '' AND original_id <> resolved_id
  ) AS ranked
  WHERE __rank = 1
),
-- Follows the links. A chain ends at an id without a link, or when it comes back to its beginning.
chains AS (
  SELECT original_id, resolved_id AS reached_id, 1 AS steps
  FROM links
  UNION ALL
  SELECT chains.original_id, links.resolved_id AS reached_id, chains.steps + 1 AS steps
  FROM chains
  JOIN links ON links.original_id = chains.reached_id
  WHERE chains.reached_id <> chains.original_id AND chains.steps < 32
),
-- The ids at which chains end: an id without a link, or every id of a cycle.
ends AS (
  SELECT DISTINCT chains.reached_id AS end_id, 3 AS weakness, CAST(NULL AS BIGINT) AS linked_at
  FROM chains
  LEFT JOIN links ON links.original_id = chains.reached_id
  WHERE links.original_id IS NULL
  UNION ALL
  SELECT links.original_id AS end_id, links.weakness, links.linked_at
  FROM chains
  JOIN links ON links.original_id = chains.original_id
  WHERE chains.reached_id = chains.original_id
)
-- A cycle ends where its weakest link begins.
SELECT original_id, resolved_id
FROM (
  SELECT
    chains.original_id,
    ends.end_id AS resolved_id,
    row_number() OVER (
      PARTITION BY chains.original_id
      ORDER BY ends.weakness DESC, ends.linked_at NULLS FIRST, ends.end_id
    ) AS __rank
  FROM chains
  JOIN ends ON ends.end_id = chains.reached_id
) AS ranked
WHERE __rank = 1 AND original_id <> resolved_id
