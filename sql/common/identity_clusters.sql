-- All trees that a tree is linked with, over however many others. Few trees are linked.
linked_trees AS (
  SELECT id, other FROM sides_2
  UNION
  SELECT linked_trees.id, sides.other
  FROM linked_trees
  JOIN sides_2 AS sides ON sides.id = linked_trees.other
),
linked AS (
  SELECT id, cluster, count(*) OVER (PARTITION BY cluster) AS size
  FROM (
    SELECT trees.id, coalesce(first_trees.cluster, trees.root) AS cluster
    FROM trees_1 AS trees
    LEFT JOIN (SELECT id, min(other) AS cluster FROM linked_trees GROUP BY id) AS first_trees
      ON first_trees.id = trees.root
  ) AS trees
),
-- A person has at most 500 ids: Mixpanel refuses a link that would make it more. So where more are
-- linked, the links count one after the other. Ids are numbers there, and labels[n] is the least
-- number of the person of the id n.
crowd_sides AS (
  SELECT linked.cluster, sides.id, sides.place, dense_rank() OVER (PARTITION BY linked.cluster ORDER BY sides.id) AS n
  FROM sides_1 AS sides
  JOIN linked ON linked.id = sides.id
  WHERE linked.size > 500
),
crowd_links AS (
  SELECT cluster, place, one, two
  FROM (
    SELECT
      cluster,
      place,
      min(n) AS one,
      max(n) AS two,
      row_number() OVER (PARTITION BY cluster ORDER BY place) AS step
    FROM crowd_sides
    GROUP BY cluster, place
  ) AS steps
  WHERE step <= 5000
),
crowd_ids AS (
  SELECT DISTINCT cluster, n, id FROM crowd_sides
),
{{labels}},
clusters AS (
  SELECT id, cluster FROM linked WHERE size <= 500
  UNION ALL
  SELECT id, min(id) OVER (PARTITION BY cluster, label) AS cluster FROM crowd_labels
)
