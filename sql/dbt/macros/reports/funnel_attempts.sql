{#-
  The attempts of people to pass a funnel, with one row for each: `person_id`, `entered_at`,
  `steps_reached`, and `at_1`, `at_2` … with the times of the steps, null from the first step that
  was not reached. See docs/reports.md for the arguments, whose defaults are Mixpanel's.
-#}
{%- macro funnel_attempts(
  events, steps, timezone='UTC', first_day=none, last_day=none, count='uniques', window=none, window_unit=none,
  order='specific', hold=[], exclusions=[], optimized_reentry=false, grace_seconds=2, session_minutes=30
) -%}
{{ mixload.funnel_tables(
  events, steps, timezone, first_day, last_day, count, window, window_unit, order, hold, exclusions,
  optimized_reentry, grace_seconds, session_minutes
) }}

select *
from attempts
{%- endmacro -%}

{#- A WITH clause whose last table, `attempts`, has the rows of funnel_attempts. -#}
{%- macro funnel_tables(
  events, steps, timezone, first_day, last_day, count, window, window_unit,
  order, hold, exclusions, optimized_reentry, grace_seconds, session_minutes
) -%}
{%- set unit = window_unit or ('session' if count == 'sessions' else 'day') -%}
{%- set length = window or (1 if unit == 'session' else 7) -%}
{%- set unit_seconds = {'second': 1, 'minute': 60, 'hour': 3600, 'day': 86400, 'week': 604800, 'month': 2592000} -%}
{%- set window_sessions = length if unit == 'session' else 0 -%}
{%- set window_micros = 0 if unit == 'session' else length * unit_seconds[unit] * 1000000 -%}
{%- set by_session = count == 'sessions' -%}
{%- set needs_sessions = by_session or unit == 'session' -%}
{#- The step, or the steps in any order, that each place of the funnel can have. -#}
{%- set places = mixload.funnel_places(steps, order).split(';') -%}
{%- set has_floor = count == 'totals' and not optimized_reentry -%}
{%- set only_first = count == 'uniques' and not optimized_reentry and unit != 'session' -%}
{%- set subject = mixload.funnel_subject(hold, by_session) -%}
with{{ ' recursive' if target.type == 'bigquery' and has_floor }} {{ mixload.funnel_placed(
  events, steps, exclusions, places, has_floor, only_first, timezone, first_day, last_day, hold, by_session, needs_sessions,
  window_micros, window_sessions, (grace_seconds * 1000000 + 0.5) | int, session_minutes
) }},

entries as (
  {%- if count == 'totals' or optimized_reentry %}
  select placed.*{{ ', low - 1 as floor' if has_floor }}
  from placed
  where is_entry
  {%- if has_floor %}
  -- An earlier attempt may have used one of the events that are just before the entry.
  union all
  select placed.*, before.position as floor
  from placed
  join placed as before
    on {{ mixload.funnel_same_subject(hold, by_session, 'before', 'placed') }}
    and before.position >= placed.low and before.position < placed.position
  where placed.is_entry and placed.low < placed.position
  {%- endif %}
  {%- else %}
  select *
  from (
    select
      placed.*,
      row_number() over (
        partition by person_id{{ ', session_number' if by_session }} order by occurred_at, event_id
      ) as entry_number
    from placed
    where is_entry
  ) as numbered_entries
  where entry_number = 1
  {%- endif %}
),

place_1 as (
  select
    {{ subject }},
    {{- ' floor,' if has_floor }}
    high as last_position,
    position as p_1,
    occurred_at as at_1
    {{- mixload.funnel_carried(steps, exclusions, places, 1, 'entries') }}
  from entries
)
{%- for place in places[1:] %}
{{- mixload.funnel_place(steps, exclusions, places, loop.index + 1, hold, by_session, has_floor) }}
{%- endfor %},
{{ mixload.funnel_chosen(places | length, exclusions | length > 0, count, hold, by_session, optimized_reentry) }},

attempts as (
  select
    person_id,
    at_1 as entered_at,
    steps_reached
    {%- for place in places %},
    case when steps_reached >= {{ loop.index }} then at_{{ loop.index }} end as at_{{ loop.index }}
    {%- endfor %}
  from chosen
)
{%- endmacro -%}

{#-
  The numbers of the steps that each place of a funnel can have, such as `1;2,3;2,3;4`. In any
  order, steps between two that are anchored take any of the places between them.
-#}
{%- macro funnel_places(steps, order) -%}
  {%- for step in steps -%}
    {%- set place = loop.index -%}
    {%- set options = namespace(text='', from=1, until=steps | length) -%}
    {%- for other in steps -%}
      {%- if other.get('anchored') or order == 'specific' -%}
        {%- if loop.index <= place -%}{%- set options.from = loop.index + (0 if loop.index == place else 1) -%}{%- endif -%}
        {%- if loop.index >= place and options.until == steps | length -%}
          {%- set options.until = loop.index - (0 if loop.index == place else 1) -%}
        {%- endif -%}
      {%- endif -%}
    {%- endfor -%}
    {%- for number in range(options.from, options.until + 1) -%}
      {{ number }}{{ ',' if not loop.last }}
    {%- endfor -%}
    {{ ';' if not loop.last }}
  {%- endfor -%}
{%- endmacro -%}

{#- The steps and exclusions that are looked for after a place, such as `2,3,x1`. -#}
{%- macro funnel_targets(exclusions, places, place) -%}
  {{ places[place] }}
  {%- for exclusion in exclusions -%}
    {%- if place >= exclusion.get('after', 1) and place < exclusion.get('before', places | length) -%}
      ,x{{ loop.index }}
    {%- endif -%}
  {%- endfor -%}
{%- endmacro -%}

{#- What later places need of the event at a place, as columns. -#}
{%- macro funnel_carried(steps, exclusions, places, place, table) -%}
  {%- if ',' in places[place - 1] %},
    case
      {%- for step in places[place - 1].split(',') %}
      when {{ table }}.is_{{ step }}{{ mixload.funnel_not_done(places, place, step) }} then {{ step }}
      {%- endfor %} end as step_{{ place }}
  {%- endif %}
  {%- if place < places | length -%}
    {%- for target in mixload.funnel_targets(exclusions, places, place).split(',') %},
    {{ table }}.after_{{ target }} as after_{{ target }}_{{ place }}
    {%- endfor %}
    {%- for later in range(place, places | length) -%}
      {%- for target in mixload.funnel_targets(exclusions, places, later).split(',') -%}
        {%- if mixload.funnel_may_be(steps, exclusions, places, place, target) == 'yes' %},
    {{ table }}.following_{{ target }} as following_{{ target }}_{{ place }}_{{ later + 1 }}
        {%- endif -%}
      {%- endfor -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro -%}

{#- Whether the event at a place may also be a target, by its name. -#}
{%- macro funnel_may_be(steps, exclusions, places, place, target) -%}
  {%- set wanted = exclusions[target[1:] | int - 1] if target[0] == 'x' else steps[target | int - 1] -%}
  {%- set found = namespace(yes='') -%}
  {%- for step in places[place - 1].split(',') -%}
    {%- if step != target and mixload.funnel_overlap(steps[step | int - 1], wanted) == 'yes' -%}
      {%- set found.yes = 'yes' -%}
    {%- endif -%}
  {%- endfor -%}
  {{ found.yes }}
{%- endmacro -%}

{#- The condition that no earlier place of the same kind has the step; empty if there is none. -#}
{%- macro funnel_not_done(places, place, step) -%}
  {%- for earlier in range(1, place) -%}
    {%- if places[earlier - 1] == places[place - 1] %} and step_{{ earlier }} <> {{ step }}{% endif -%}
  {%- endfor -%}
{%- endmacro -%}

{#- The tables of a WITH clause that lead from the place before to a place. -#}
{%- macro funnel_place(steps, exclusions, places, place, hold, by_session, has_floor) -%}
{%- set before = place - 1 -%}
{%- set targets = mixload.funnel_targets(exclusions, places, before).split(',') -%}
{%- set options = places[before].split(',') -%}
{%- set rounds = namespace(count=0) -%}
{%- for earlier in range(1, place) -%}
  {%- set may = namespace(yes='') -%}
  {%- for target in targets -%}
    {%- if mixload.funnel_may_be(steps, exclusions, places, earlier, target) == 'yes' -%}{%- set may.yes = 'yes' -%}{%- endif -%}
  {%- endfor -%}
  {%- if may.yes -%}{%- set rounds.count = rounds.count + 1 -%}{%- endif -%}
{%- endfor %},

found_{{ place }}_0 as (
  select
    earlier.*
    {%- for target in targets %},
    {% if has_floor -%}
    case when after_{{ target }}_{{ before }} <= earlier.floor then used.following_{{ target }}
      else after_{{ target }}_{{ before }} end
    {%- else -%}
    after_{{ target }}_{{ before }}
    {%- endif %} as found_{{ target }}_{{ place }}_0
    {%- endfor %}
  from place_{{ before }} as earlier
  {%- if has_floor %}
  left join placed as used
    on {{ mixload.funnel_same_subject(hold, by_session, 'used', 'earlier') }} and used.position = earlier.floor
  {%- endif %}
)
{%- for round in range(1, rounds.count + 1) %},

-- An event that is at an earlier place does not count again.
found_{{ place }}_{{ round }} as (
  select
    earlier.*
    {%- for target in targets %},
    case
      {%- for used in range(1, place) %}
      {%- if mixload.funnel_may_be(steps, exclusions, places, used, target) == 'yes' %}
      when found_{{ target }}_{{ place }}_{{ round - 1 }} = p_{{ used }} then following_{{ target }}_{{ used }}_{{ place }}
      {%- endif %}
      {%- endfor %}
      when true then found_{{ target }}_{{ place }}_{{ round - 1 }} end as found_{{ target }}_{{ place }}_{{ round }}
    {%- endfor %}
  from found_{{ place }}_{{ round - 1 }} as earlier
)
{%- endfor %},

next_{{ place }} as (
  select
    earlier.*,
    {%- if options | length == 1 %}
    found_{{ options[0] }}_{{ place }}_{{ rounds.count }} as candidate
    {%- else %}
    nullif(least(
      {%- for step in options %}
      case when found_{{ step }}_{{ place }}_{{ rounds.count }} is not null
        {{- mixload.funnel_not_done(places, place, step) }} then found_{{ step }}_{{ place }}_{{ rounds.count }} else {{ mixload.funnel_never() }} end
      {{- ',' if not loop.last }}
      {%- endfor %}
    ), {{ mixload.funnel_never() }}) as candidate
    {%- endif %}
  from found_{{ place }}_{{ rounds.count }} as earlier
),
{#- An exclusion counts if it comes before the next step and within the conversion window. #}
checked_{{ place }} as (
  select
    earlier.*,
    {%- if targets | length > options | length %}
    nullif(least(
      {%- for target in targets[options | length:] %}
      case when found_{{ target }}_{{ place }}_{{ rounds.count }} <= last_position
        and found_{{ target }}_{{ place }}_{{ rounds.count }} < coalesce(candidate, {{ mixload.funnel_never() }})
        then found_{{ target }}_{{ place }}_{{ rounds.count }} else {{ mixload.funnel_never() }} end
      {{- ',' if not loop.last }}
      {%- endfor %}
    ), {{ mixload.funnel_never() }}) as excluded_{{ place }}
    {%- else %}
    cast(null as {{ 'int64' if target.type == 'bigquery' else 'bigint' }}) as excluded_{{ place }}
    {%- endif %}
  from next_{{ place }} as earlier
),

place_{{ place }} as (
  select
    {{ mixload.funnel_subject(hold, by_session, 'earlier') }},
    {{- ' earlier.floor,' if has_floor }}
    earlier.last_position
    {%- for passed in range(1, place) %},
    earlier.p_{{ passed }},
    earlier.at_{{ passed }}
    {%- if ',' in places[passed - 1] %},
    earlier.step_{{ passed }}
    {%- endif %}
    {%- if passed > 1 %},
    earlier.excluded_{{ passed }}
    {%- endif %}
    {%- for later in range(place, places | length) -%}
      {%- for target in mixload.funnel_targets(exclusions, places, later).split(',') -%}
        {%- if mixload.funnel_may_be(steps, exclusions, places, passed, target) == 'yes' %},
    earlier.following_{{ target }}_{{ passed }}_{{ later + 1 }}
        {%- endif -%}
      {%- endfor -%}
    {%- endfor -%}
    {%- endfor %},
    earlier.excluded_{{ place }},
    reached.position as p_{{ place }},
    reached.occurred_at as at_{{ place }}
    {{- mixload.funnel_carried(steps, exclusions, places, place, 'reached') }}
  from (
    select
      checked_{{ place }}.*,
      case when candidate <= last_position and excluded_{{ place }} is null then candidate end as next_position
    from checked_{{ place }}
  ) as earlier
  left join placed as reached
    on {{ mixload.funnel_same_subject(hold, by_session, 'reached', 'earlier') }}
    and reached.position = earlier.next_position
)
{%- endmacro -%}

{#- A position after all others. -#}
{%- macro funnel_never() -%}9000000000000000000{%- endmacro -%}
