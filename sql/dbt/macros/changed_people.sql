{#- A hash of several events, which changes with the events and their times. -#}
{% macro events_hash(event_id, occurred_at) %}{{ return(adapter.dispatch('events_hash', 'mixload')(event_id, occurred_at)) }}{% endmacro %}
{% macro default__events_hash(event_id, occurred_at) %}
  {{ return('cast(bit_xor(hash(' ~ event_id ~ ', ' ~ occurred_at ~ ') >> 1) as bigint)') }}
{% endmacro %}
{% macro postgres__events_hash(event_id, occurred_at) %}
  {{ return(mixload.combined_hashes(
    'hashtextextended(' ~ event_id ~ ", cast(date_part('epoch', " ~ occurred_at ~ ') * 1000 as bigint))'
  )) }}
{% endmacro %}
{% macro bigquery__events_hash(event_id, occurred_at) %}
  {{ return('bit_xor(farm_fingerprint(concat(' ~ event_id ~ ', cast(unix_millis(' ~ occurred_at ~ ') as string))))') }}
{% endmacro %}

{#- Combines such hashes into the hash of all their events. -#}
{% macro combined_hashes(hashes) %}{{ return(adapter.dispatch('combined_hashes', 'mixload')(hashes)) }}{% endmacro %}
{% macro default__combined_hashes(hashes) %}{{ return('bit_xor(' ~ hashes ~ ')') }}{% endmacro %}
{#- Before Postgres 14 there is no bit_xor. A sum of bigints is an unbounded numeric. -#}
{% macro postgres__combined_hashes(hashes) %}
  {{ return('cast(mod(sum(' ~ hashes ~ '), 9223372036854775807) as bigint)') }}
{% endmacro %}

{#-
  Before an incremental run of `sessions`: deletes the sessions of people whose events have changed,
  because events are new, late, deleted or moved to another person. The run creates these sessions
  again.
-#}
{% macro forget_changed_people() %}
  {%- set person_days = ref('mixload', 'person_days') -%}
  {%- if execute and is_incremental() %}
delete from {{ this }} where person_id in (
  select known.person_id
  from {{ this }} as known
  left join (
    select person_id, {{ mixload.combined_hashes('events_hash') }} as events_hash
    from {{ person_days }}
    group by person_id
  ) as people
    on people.person_id = known.person_id and people.events_hash = known.events_hash
  where known.session_number = 1 and people.person_id is null
)
  {%- endif -%}
{% endmacro %}
