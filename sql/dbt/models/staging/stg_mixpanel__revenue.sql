{{ mixload.stage('revenue', [
  {'as': 'date_day', 'column': 'date', 'type': 'date'},
  {'as': 'amount', 'column': 'amount', 'type': 'double'},
  {'as': 'profile_count', 'column': 'count', 'type': 'bigint'},
  {'as': 'paying_count', 'column': 'paid_count', 'type': 'bigint'},
  {'as': 'source', 'column': 'source', 'type': 'text'},
  {'as': '_loaded_at', 'column': '_loaded_at', 'type': 'timestamp'},
  {'as': '_load_id', 'column': '_load_id', 'type': 'text'},
], view='revenue_latest') }}
