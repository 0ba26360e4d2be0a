-- The first link of each id leads to another id, and so on. No two links were made at one place, so
-- this ends at two ids whose first link is the same; the smaller one is the root of the tree. (A
-- filter by row_number() would let Postgres expect one row, and compare all rows with all others.)
hops_{{n}} AS (
  SELECT
    id,
    CASE WHEN count(*) OVER (PARTITION BY place) = 2 AND id < other THEN id ELSE other END AS other
  FROM (
    SELECT DISTINCT
      id,
      first_value(other) OVER (PARTITION BY id ORDER BY place) AS other,
      first_value(place) OVER (PARTITION BY id ORDER BY place) AS place
    FROM sides_{{n}}
  ) AS firsts
),
chains_{{n}} AS (
  SELECT id, other AS reached, 1 AS length FROM hops_{{n}}
  UNION ALL
  SELECT chains.id, hops.other AS reached, chains.length + 1 AS length
  FROM chains_{{n}} AS chains
  JOIN hops_{{n}} AS hops ON hops.id = chains.reached
  WHERE hops.other <> hops.id AND chains.length < 499
),
trees_{{n}} AS (
  SELECT chains.id, chains.reached AS root
  FROM chains_{{n}} AS chains
  JOIN hops_{{n}} AS hops ON hops.id = chains.reached
  WHERE hops.other = hops.id
),
-- The links between trees.
sides_{{next}} AS (
  SELECT own.root AS id, others.root AS other, min(sides.place) AS place
  FROM sides_{{n}} AS sides
  JOIN trees_{{n}} AS own ON own.id = sides.id
  JOIN trees_{{n}} AS others ON others.id = sides.other
  WHERE own.root <> others.root
  GROUP BY own.root, others.root
)
