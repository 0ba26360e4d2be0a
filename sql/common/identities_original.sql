-- Original id merge: ids that are linked, over however many others, are one person.
moved AS (
  -- Events that Mixpanel has moved to another id. There it has decided which id counts.
  SELECT original_id, resolved_id, max(linked_at) AS linked_at
  FROM (
{{moved}}
  ) AS events
  GROUP BY original_id, resolved_id
),
verbs AS (
{{verbs}}
),
links AS (
  SELECT
    original_id,
    resolved_id,
    weakness,
    linked_at,
    row_number() OVER (ORDER BY weakness, linked_at NULLS FIRST, original_id, resolved_id) AS place
  FROM (
    SELECT original_id, resolved_id, 1 AS weakness, linked_at FROM moved
    UNION ALL
    SELECT original_id, resolved_id, 2 AS weakness, linked_at
    FROM (
{{statements}}
    ) AS statements
  ) AS all_links
  WHERE original_id <> '' AND resolved_id <> '' AND original_id <> resolved_id AND {{is_system}}
),
-- Each two ids that are linked, from both of them. An id that is linked with 499 others has a
-- person that is full.
sides_1 AS (
  SELECT id, other, place
  FROM (
    SELECT id, other, place, max(__rank) OVER (PARTITION BY place) AS __worst_rank
    FROM (
      SELECT id, other, place, row_number() OVER (PARTITION BY id ORDER BY place) AS __rank
      FROM (
        SELECT id, other, min(place) AS place
        FROM (
          SELECT original_id AS id, resolved_id AS other, place FROM links
          UNION ALL
          SELECT resolved_id AS id, original_id AS other, place FROM links
        ) AS both_sides
        GROUP BY id, other
      ) AS pairs
    ) AS ranked
  ) AS compared
  WHERE __worst_rank <= 499
),
{{trees}},
{{clusters}},
made AS (
  SELECT clusters.cluster, links.original_id, links.resolved_id, links.weakness, links.linked_at, links.place
  FROM links
  JOIN clusters ON clusters.id = links.original_id
  JOIN clusters AS targets ON targets.id = links.resolved_id AND targets.cluster = clusters.cluster
),
-- Mixpanel chooses the id of a person. The events that it moved last show it. Before that: the id
-- that no link leads away from, which was linked last; or in a cycle the id linked first.
candidates AS (
  SELECT cluster, resolved_id AS id, 1 AS weakness, -linked_at AS sequence FROM made WHERE weakness = 1
  UNION ALL
  SELECT made.cluster, made.resolved_id AS id, 2 AS weakness, -made.place AS sequence
  FROM made
  LEFT JOIN (SELECT DISTINCT original_id AS id FROM made) AS originals ON originals.id = made.resolved_id
  WHERE originals.id IS NULL
  UNION ALL
  SELECT cluster, original_id AS id, 3 AS weakness, place AS sequence FROM made
),
persons AS (
  SELECT DISTINCT
    cluster,
    first_value(id) OVER (PARTITION BY cluster ORDER BY weakness, sequence NULLS LAST, id) AS id
  FROM candidates
),
original AS (
  SELECT clusters.id AS original_id, persons.id AS resolved_id
  FROM clusters
  JOIN persons ON persons.cluster = clusters.cluster
  WHERE clusters.id <> persons.id
)
