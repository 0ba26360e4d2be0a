crowd_arrays AS (
  SELECT cluster, ones, twos, ids
  FROM (
    SELECT cluster, array_agg(one ORDER BY place) AS ones, array_agg(two ORDER BY place) AS twos
    FROM crowd_links
    GROUP BY cluster
  ) AS all_links
  JOIN (SELECT cluster, array_agg(id ORDER BY n) AS ids FROM crowd_ids GROUP BY cluster) AS all_ids USING (cluster)
),
crowd_steps AS (
  SELECT cluster, 0 AS step, labels
  FROM crowd_arrays
  CROSS JOIN LATERAL (SELECT array_agg(n ORDER BY n) AS labels FROM generate_series(1, cardinality(ids)) AS n) AS own
  UNION ALL
  SELECT
    cluster,
    step,
    CASE
      WHEN one <> two AND cardinality(array_positions(labels, one)) + cardinality(array_positions(labels, two)) <= 500
        THEN array_replace(labels, greatest(one, two), least(one, two))
      ELSE labels
    END AS labels
  FROM (
    SELECT
      crowd_steps.cluster,
      crowd_steps.step + 1 AS step,
      crowd_steps.labels,
      crowd_steps.labels[arrays.ones[crowd_steps.step + 1]] AS one,
      crowd_steps.labels[arrays.twos[crowd_steps.step + 1]] AS two
    FROM crowd_steps
    JOIN crowd_arrays AS arrays ON arrays.cluster = crowd_steps.cluster
    WHERE crowd_steps.step < cardinality(arrays.ones)
  ) AS joined
),
crowd_labels AS (
  SELECT last_steps.cluster, unnest(arrays.ids) AS id, unnest(last_steps.labels) AS label
  FROM (SELECT DISTINCT ON (cluster) cluster, labels FROM crowd_steps ORDER BY cluster, step DESC) AS last_steps
  JOIN crowd_arrays AS arrays ON arrays.cluster = last_steps.cluster
)
