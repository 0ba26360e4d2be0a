{{ mixload.stage('cohort_members', [
  {'as': 'cohort_id', 'column': 'cohort_id', 'type': 'bigint'},
  {'as': 'distinct_id', 'column': 'distinct_id', 'type': 'text'},
  {'as': '_loaded_at', 'column': '_loaded_at', 'type': 'timestamp'},
  {'as': '_load_id', 'column': '_load_id', 'type': 'text'},
]) }}
