{{ mixload.stage('annotations', [
  {'as': 'annotation_id', 'column': 'id', 'type': 'bigint'},
  {'as': 'annotated_at', 'column': 'date', 'type': 'timestamp'},
  {'as': 'description', 'column': 'description', 'type': 'text'},
  {'as': '_loaded_at', 'column': '_loaded_at', 'type': 'timestamp'},
  {'as': '_load_id', 'column': '_load_id', 'type': 'text'},
]) }}
