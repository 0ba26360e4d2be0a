{{ mixload.stage('cohorts', [
  {'as': 'cohort_id', 'column': 'id', 'type': 'bigint'},
  {'as': 'cohort_name', 'column': 'name', 'type': 'text'},
  {'as': 'description', 'column': 'description', 'type': 'text'},
  {'as': 'member_count', 'column': 'count', 'type': 'bigint'},
  {'as': 'is_visible', 'column': 'is_visible', 'type': 'bigint'},
  {'as': 'created', 'column': 'created', 'type': 'text'},
  {'as': 'data_group_id', 'column': 'data_group_id', 'type': 'text'},
  {'as': '_loaded_at', 'column': '_loaded_at', 'type': 'timestamp'},
  {'as': '_load_id', 'column': '_load_id', 'type': 'text'},
]) }}
