{#-
  The table `chosen` of a WITH clause: the attempts that count, with `steps_reached`. Of attempts
  in totals, those that begin after the one before has ended. With optimized re-entry, of attempts
  that use the same event, the one that begins last; of a person's, the one that gets furthest
  first.
-#}
{%- macro funnel_chosen(places, has_exclusions, count, hold, by_session, optimized_reentry) -%}
{%- set subject = mixload.funnel_subject(hold, by_session) -%}
passed as (
  select
    place_{{ places }}.*,
    case
      {%- for place in range(places, 0, -1) %}
      when p_{{ place }} is not null then {{ place }}
      {%- endfor %}
    end as steps_passed,
    greatest({% for place in range(1, places + 1) %}coalesce(p_{{ place }}, 0){{ ', ' if not loop.last }}{% endfor %}) as last_used
  from place_{{ places }}
),
{%- if count == 'totals' and not optimized_reentry %}

-- Where each attempt ends: at its conversion, at an exclusion, or with its conversion window.
ends as (
  select
    passed.*,
    case when p_{{ places }} is not null then last_used
      {%- for place in range(2, places + 1) %}
      when excluded_{{ place }} is not null then greatest(last_used, excluded_{{ place }})
      {%- endfor %}
      else last_position end as end_position,
    greatest(last_used{% for place in range(2, places + 1) %}, coalesce(excluded_{{ place }}, 0){% endfor %}) as end_floor
  from passed
),

-- A number for each, because one number is compared faster than a person, a position and a floor.
numbered_ends as (
  select ends.*, row_number() over (order by {{ subject }}, p_1, floor) as attempt_id
  from ends
),

-- The attempt that begins after each has ended. Joins that keep all rows also keep Postgres from
-- expecting a single row, and comparing each attempt with each.
successors as{{ mixload.report_materialized() }} (
  select numbered_ends.attempt_id, next_attempt.attempt_id as next_id
  from numbered_ends
  left join placed as last_event
    on {{ mixload.funnel_same_subject(hold, by_session, 'last_event', 'numbered_ends') }}
    and last_event.position = numbered_ends.end_position
  left join placed as next_entry
    on {{ mixload.funnel_same_subject(hold, by_session, 'next_entry', 'numbered_ends') }}
    and next_entry.position = last_event.following_entry
  left join numbered_ends as next_attempt
    on {{ mixload.funnel_same_subject(hold, by_session, 'next_attempt', 'numbered_ends') }}
    and next_attempt.p_1 = next_entry.position
    and next_attempt.floor = greatest(numbered_ends.end_floor, next_entry.low - 1)
),

{{ mixload.funnel_taken(subject) }},

chosen as (
  select numbered_ends.*, steps_passed as steps_reached
  from numbered_ends
  join taken on taken.attempt_id = numbered_ends.attempt_id
)
{%- elif count == 'totals' %}

shared as (
  select
    passed.*
    {%- for place in range(2, places + 1) %},
    row_number() over (partition by {{ subject }}, p_{{ place }} order by p_1 desc) as share_{{ place }}
    {%- endfor %}
  from passed
),

chosen as (
  select
    shared.*,
    case
      {%- for place in range(2, places + 1) %}
      when p_{{ place }} is null or share_{{ place }} > 1 then {{ place - 1 }}
      {%- endfor %}
      else {{ places }} end as steps_reached
  from shared
)
{%- elif optimized_reentry %}

ranked as (
  select
    passed.*,
    row_number() over (
      partition by person_id{{ ', session_number' if by_session }}
      order by steps_passed desc, case
        {%- for place in range(places, 0, -1) %}
        when steps_passed = {{ place }} then at_{{ place }}
        {%- endfor %}
        end, at_1 desc
    ) as rank_of_person
  from passed
),

chosen as (
  select ranked.*, steps_passed as steps_reached
  from ranked
  where rank_of_person = 1
)
{%- else %}

chosen as (
  select passed.*, steps_passed as steps_reached
  from passed
)
{%- endif %}
{%- endmacro -%}

{#-
  The table `taken`: the first attempt of each subject and all that follow it. Each round doubles
  how many are known and how far one jump leads, so that a person may have a million attempts.
  BigQuery would compute the tables of each round again for each use, so it follows them one by
  one, at most 500.
-#}
{%- macro funnel_taken(subject) -%}
taken_0 as (
  select min(attempt_id) as attempt_id
  from numbered_ends
  group by {{ subject }}
),
{%- if target.type == 'bigquery' %}

taken as (
  select attempt_id
  from taken_0
  union all
  select successors.next_id
  from taken
  join successors on successors.attempt_id = taken.attempt_id
  where successors.next_id is not null
)
{%- else %}

jumps_0 as (
  select attempt_id, next_id
  from successors
),
{%- for round in range(1, 21) %}

taken_{{ round }} as materialized (
  select attempt_id
  from taken_{{ round - 1 }}
  union all
  select jumps.next_id
  from taken_{{ round - 1 }} as taken
  join jumps_{{ round - 1 }} as jumps on jumps.attempt_id = taken.attempt_id
  where jumps.next_id is not null
),

jumps_{{ round }} as materialized (
  select jumps.attempt_id, further.next_id
  from jumps_{{ round - 1 }} as jumps
  left join jumps_{{ round - 1 }} as further on further.attempt_id = jumps.next_id
  where jumps.next_id is not null
),
{%- endfor %}

taken as (
  select attempt_id
  from taken_20
)
{%- endif %}
{%- endmacro -%}
