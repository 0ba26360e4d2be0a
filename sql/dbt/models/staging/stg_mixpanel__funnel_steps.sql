{{ mixload.stage('funnel_steps', [
  {'as': 'funnel_id', 'column': 'funnel_id', 'type': 'bigint'},
  {'as': 'date_day', 'column': 'date', 'type': 'date'},
  {'as': 'step_index', 'column': 'step', 'type': 'bigint'},
  {'as': 'event_name', 'column': 'event', 'type': 'text'},
  {'as': 'step_label', 'column': 'step_label', 'type': 'text'},
  {'as': 'people', 'column': 'count', 'type': 'bigint'},
  {'as': 'seconds_from_previous', 'column': 'avg_time', 'type': 'double'},
  {'as': 'seconds_from_start', 'column': 'avg_time_from_start', 'type': 'double'},
  {'as': '_loaded_at', 'column': '_loaded_at', 'type': 'timestamp'},
  {'as': '_load_id', 'column': '_load_id', 'type': 'text'},
], view='funnel_steps_latest') }}
