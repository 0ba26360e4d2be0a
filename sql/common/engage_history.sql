-- A row for each profile and each state that it was in: from when mixload first saw it so to when it first saw it
-- otherwise or gone. valid_to is null where it still is so. The times come first, because Postgres lets columns be added
-- to a view at its end only.
SELECT _changed_at AS valid_from, valid_to, {{columns}}
FROM (
  SELECT
    {{columns}},
    _change,
    _changed_at,
    lead(_changed_at) OVER (PARTITION BY distinct_id ORDER BY _changed_at, _loaded_at) AS valid_to
  FROM {{table}}
) AS changes
WHERE _change <> 'gone'
