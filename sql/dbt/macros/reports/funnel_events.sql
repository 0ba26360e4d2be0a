{#-
  The parts of a funnel that know its events. A person's events of a funnel are numbered by
  `position`, in the order of time and event_id, so that all later parts compare integers.
-#}

{#- Whether an event can be both of two steps. Conditions are not looked at: yes means maybe. -#}
{%- macro funnel_overlap(step, other) -%}
  {%- set found = namespace(yes='') -%}
  {%- if not step.get('event') or not other.get('event') -%}
    {%- set found.yes = 'yes' -%}
  {%- else -%}
    {%- set others = [other['event']] if other['event'] is string else other['event'] -%}
    {%- for name in ([step['event']] if step['event'] is string else step['event']) if name in others -%}
      {%- set found.yes = 'yes' -%}
    {%- endfor -%}
  {%- endif -%}
  {{ found.yes }}
{%- endmacro -%}

{#- The columns within which positions are counted, such as `a.person_id, a.held_1`. -#}
{%- macro funnel_subject(hold, by_session, table='') -%}
  {%- set dot = table ~ '.' if table else '' -%}
  {{ dot }}person_id
  {%- if by_session %}, {{ dot }}session_number{% endif -%}
  {%- for property in hold %}, {{ dot }}held_{{ loop.index }}{% endfor -%}
{%- endmacro -%}

{#- The condition that two tables have the same subject. -#}
{%- macro funnel_same_subject(hold, by_session, table, other) -%}
  {{ table }}.person_id = {{ other }}.person_id
  {%- if by_session %} and {{ table }}.session_number = {{ other }}.session_number{% endif -%}
  {%- for property in hold %} and {{ table }}.held_{{ loop.index }} = {{ other }}.held_{{ loop.index }}{% endfor -%}
{%- endmacro -%}

{#-
  The rows of a table with `session_number`: a session ends with the last event before more than so
  many minutes without one, and at midnight.
-#}
{%- macro funnel_sessions(table, timezone, session_minutes) -%}
  select
    preceded.*,
    sum(case
      when is_system then 0
      when previous_at is null or micros - {{ mixload.report_micros('previous_at') }} > {{ session_minutes * 60000000 }} then 1
      {#- Only of close events, because the day of a moment takes time. #}
      when {{ mixload.report_day('previous_at', timezone) }} <> {{ mixload.report_day('occurred_at', timezone) }} then 1
      else 0 end) over (
      partition by person_id order by occurred_at, event_id rows between unbounded preceding and current row
    ) as session_number
  from (
    select
      {{ table }}.*,
      max(case when not is_system then occurred_at end) over (
        partition by person_id order by occurred_at, event_id rows between unbounded preceding and 1 preceding
      ) as previous_at
    from {{ table }}
  ) as preceded
{%- endmacro -%}

{#-
  The tables `funnel_events` and `placed` of a WITH clause. `placed` has for each event:
  - `position`;
  - `low`: the first position that an attempt from here can use, by the time of grace of each step;
  - `high`: the last position within the conversion window that begins here;
  - `after_N`, `after_xN`: the position of the first event of step or exclusion N that is not
    earlier than the time of grace before;
  - `following_N`, `following_xN`, `following_entry`: the first such event after this one.
-#}
{%- macro funnel_placed(
  events, steps, exclusions, places, has_floor, only_first, timezone, first_day, last_day, hold, by_session, needs_sessions,
  window_micros, window_sessions, grace_micros, session_minutes
) -%}
{%- set subject = mixload.funnel_subject(hold, by_session) -%}
checked as (
  select
    person_id,
    event_id,
    occurred_at,
    {{ mixload.report_micros('occurred_at') }} as micros
    {%- if needs_sessions %},
    event_name in ({{ mixload.report_system_events() }}) as is_system
    {%- endif %}
    {%- for property in hold %},
    {{ property }} as held_{{ loop.index }}
    {%- endfor %}
    {%- for step in steps %},
    {{ mixload.report_matches(step) }} as is_{{ loop.index }}
    {%- endfor %}
    {%- for exclusion in exclusions %},
    {{ mixload.report_matches(exclusion) }} as is_x{{ loop.index }}
    {%- endfor %}
  from {{ events }} as events
  where {{ mixload.report_is_counted() }}
),
{%- if needs_sessions %}

sessioned as (
  {{ mixload.funnel_sessions('checked', timezone, session_minutes) }}
),
{%- endif %}

funnel_events as (
  select
    known.*,
    {#- Only of possible entries, for the same reason. #}
    case when ({% for step in places[0].split(',') %}{{ ' or ' if not loop.first }}is_{{ step }}{% endfor %})

      and {{ mixload.report_in_range(mixload.report_day('occurred_at', timezone), first_day, last_day) }}
      then true else false end as is_entry
  from {{ 'sessioned' if needs_sessions else 'checked' }} as known
  where (
    {%- for step in steps %}{{ ' or ' if not loop.first }}is_{{ loop.index }}{% endfor %}
    {%- for exclusion in exclusions %} or is_x{{ loop.index }}{% endfor %})
    {%- for property in hold %}
    and held_{{ loop.index }} is not null
    {%- endfor %}
),

{%- if only_first %}

-- The events that a person's first entry can lead to.
first_entries as (
  select person_id, min(micros) as entry_micros
  from funnel_events
  where is_entry
  group by person_id
),
{%- endif %}

numbered as (
  select
    funnel_events.*,
    row_number() over (partition by {{ subject }} order by occurred_at, event_id) as position
  from funnel_events
  {%- if only_first %}
  join first_entries using (person_id)
  where micros between entry_micros - {{ grace_micros * (steps | length) }} and entry_micros + {{ window_micros }}
  {%- endif %}
),

placed as (
  select
    numbered.*,
    {%- if has_floor %}
    min(position) over (
      partition by {{ subject }} order by micros
      range between {{ grace_micros * (places | length - 1) }} preceding and current row
    ) as low,
    {%- endif %}
    {%- if window_sessions %}
    max(position) over (
      partition by {{ subject }} order by session_number range between current row and {{ window_sessions - 1 }} following
    ) as high
    {%- else %}
    max(position) over (
      partition by {{ subject }} order by micros range between current row and {{ window_micros }} following
    ) as high
    {%- endif %}
    {%- for target in mixload.funnel_all_targets(steps, exclusions, places).split(',') %},
    min(case when is_{{ target }} then position end) over (
      partition by {{ subject }} order by micros range between {{ grace_micros }} preceding and unbounded following
    ) as after_{{ target }}
    {%- if has_floor or mixload.funnel_may_repeat(steps, exclusions, target) == 'yes' %},
    min(case when is_{{ target }} then position end) over (
      partition by {{ subject }} order by position rows between 1 following and unbounded following
    ) as following_{{ target }}
    {%- endif %}
    {%- endfor %}
    {%- if has_floor %},
    min(case when is_entry then position end) over (
      partition by {{ subject }} order by position rows between 1 following and unbounded following
    ) as following_entry
    {%- endif %}
  from numbered
)
{%- endmacro -%}

{#- The steps and exclusions that are looked for after the first place, such as `2,3,x1`. -#}
{%- macro funnel_all_targets(steps, exclusions, places) -%}
  {%- set later = ',' ~ places[1:] | join(',') ~ ',' -%}
  {%- set found = namespace(targets='') -%}
  {%- for number in range(1, steps | length + 1) -%}
    {%- if ',' ~ number ~ ',' in later -%}{%- set found.targets = found.targets ~ ',' ~ number -%}{%- endif -%}
  {%- endfor -%}
  {{ found.targets[1:] }}
  {%- for exclusion in exclusions -%},x{{ loop.index }}{%- endfor -%}
{%- endmacro -%}

{#- Whether an event that is a step may also be a target, by its name. -#}
{%- macro funnel_may_repeat(steps, exclusions, target) -%}
  {%- set wanted = exclusions[target[1:] | int - 1] if target[0] == 'x' else steps[target | int - 1] -%}
  {%- set found = namespace(yes='') -%}
  {%- for step in steps -%}
    {%- if target != loop.index | string -%}
      {%- if mixload.funnel_overlap(step, wanted) == 'yes' -%}{%- set found.yes = 'yes' -%}{%- endif -%}
    {%- endif -%}
  {%- endfor -%}
  {{ found.yes }}
{%- endmacro -%}
