AND __rows.{{insert_id}} IS NULL
-- An event of another person stays, and one that was sent again after its deletion.
AND NOT EXISTS (
  SELECT 1
  FROM {{table}} AS deletions
  WHERE deletions.event = '$delete'
    AND deletions.{{event}} = __rows.event
    AND deletions.{{insert_id}} = __rows.mp_insert_id
    AND coalesce(deletions.distinct_id, '') IN ('', __rows.distinct_id, __rows.mp_distinct_id_before_identity)
    AND coalesce({{before}} * 1000 > __rows.mp_processing_time_ms, true)
)
