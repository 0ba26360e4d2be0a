crowd_labels AS (
  SELECT cluster, unnest(ids) AS id, unnest(labels) AS label
  FROM (
    SELECT
      cluster,
      ids,
      list_reduce(
        list_prepend(range(1, len(ids) + 1), links),
        lambda labels, link: CASE
          WHEN labels[link[1]] <> labels[link[2]]
            AND len([n FOR n IN labels IF n = labels[link[1]]]) + len([n FOR n IN labels IF n = labels[link[2]]]) <= 500
            THEN [
              CASE WHEN n IN (labels[link[1]], labels[link[2]]) THEN least(labels[link[1]], labels[link[2]]) ELSE n END
              FOR n IN labels
            ]
          ELSE labels
        END
      ) AS labels
    FROM (SELECT cluster, list([one, two] ORDER BY place) AS links FROM crowd_links GROUP BY cluster) AS all_links
    JOIN (SELECT cluster, list(id ORDER BY n) AS ids FROM crowd_ids GROUP BY cluster) AS all_ids USING (cluster)
  ) AS reduced
)
