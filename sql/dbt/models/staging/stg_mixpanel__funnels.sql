{{ mixload.stage('funnels', [
  {'as': 'funnel_id', 'column': 'funnel_id', 'type': 'bigint'},
  {'as': 'funnel_name', 'column': 'name', 'type': 'text'},
  {'as': 'date_day', 'column': 'date', 'type': 'date'},
  {'as': 'started', 'column': 'starting_amount', 'type': 'bigint'},
  {'as': 'completed', 'column': 'completion', 'type': 'bigint'},
  {'as': 'step_count', 'column': 'step_count', 'type': 'bigint'},
  {'as': '_loaded_at', 'column': '_loaded_at', 'type': 'timestamp'},
  {'as': '_load_id', 'column': '_load_id', 'type': 'text'},
], view='funnels_latest') }}
