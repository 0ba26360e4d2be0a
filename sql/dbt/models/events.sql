{{ config(
  materialized='incremental',
  unique_key='event_id',
  incremental_strategy='merge' if target.type == 'bigquery' else 'delete+insert',
  on_schema_change='append_new_columns',
  pre_hook='{{ mixload.forget_replaced_events() }}',
  post_hook='{{ mixload.forget_moved_events() }}'
) }}

{{ mixload.events() }}
