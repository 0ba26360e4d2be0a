{{ config(
  materialized='incremental',
  unique_key='event_id',
  incremental_strategy='merge' if target.type == 'bigquery' else 'delete+insert',
  on_schema_change='append_new_columns',
  pre_hook='{{ mixload.forget_removed_events() }}'
) }}

{{ mixload.events() }}
