AND NOT coalesce(__rows.{{is_deleted}}, false)
