  -- Ids that begin with `$device:` exist in projects with simplified id merge only, and identity
  -- events link ids in the others only. A few of the wrong kind, such as tests, decide nothing.
  SELECT CASE WHEN devices > 0 AND devices >= verbs THEN 'simplified' ELSE 'original' END AS name
  FROM (
    SELECT
      count(CASE WHEN {{device}} THEN 1 END) AS devices,
      count(CASE WHEN {{verb}} THEN 1 END) AS verbs
    FROM {{table}}
  ) AS counts
