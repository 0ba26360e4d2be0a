-- Trees of trees of trees are persons: nobody's ids are linked in a more tangled way. The limit of
-- 500 ids is not applied here.
{{more_trees}},
clusters AS (
  SELECT trees_1.id, coalesce(trees_3.root, trees_2.root, trees_1.root) AS cluster
  FROM trees_1
  LEFT JOIN trees_2 ON trees_2.id = trees_1.root
  LEFT JOIN trees_3 ON trees_3.id = trees_2.root
)
