-- Rows that only cost space: copies of an event which another row of the same day shows. A copy of
-- a deletion stays if it says that another event was deleted, because export_latest looks for
-- deletions among all rows.
__rows._mixload_row IN (
  SELECT copies._mixload_row
  FROM (
    SELECT {{columns}}
    FROM {{table}} AS hidden
    WHERE {{days}} AND EXISTS (
      SELECT 1
      FROM {{superseded}} AS known
      WHERE known.row_id = hidden._mixload_row
    )
  ) AS copies
  JOIN (
    SELECT {{columns}}
    FROM {{table}} AS visible
    WHERE {{days}} AND NOT EXISTS (
      SELECT 1
      FROM {{superseded}} AS known
      WHERE known.row_id = visible._mixload_row
    )
  ) AS shown
    ON shown.event_id = copies.event_id
    AND coalesce(shown._day, DATE '0001-01-01') = coalesce(copies._day, DATE '0001-01-01')
  WHERE coalesce(copies.event, '') <> {{deletion}} OR ({{is_same}})
)
