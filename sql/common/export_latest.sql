-- One row per event, by Mixpanel's own rule: see event_id. Loads have found the copies already, so
-- any filter reaches the table itself. No column of a property is called __rows: in these names two
-- underscores come only before digits or `text`.
SELECT {{columns}}
FROM {{table}} AS __rows
WHERE NOT EXISTS (
  SELECT 1
  FROM {{superseded}} AS superseded
  WHERE superseded.row_id = __rows._mixload_row
){{deleted}}
