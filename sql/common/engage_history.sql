-- One row for each state of each profile: valid_from is when mixload first saw it, valid_to is when
-- mixload first saw another state or none. valid_to is null for the present state. The times come
-- first, because Postgres can add columns only at the end of a view.
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
