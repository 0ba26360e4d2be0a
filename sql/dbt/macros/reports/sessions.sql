{#-
  Sessions, with one row for each.

    {{ mixload.sessions(events, 'Europe/Berlin', excluded_events=['Push Received']) }}

  - `session_by`: `timeout`, `property` or `event`.
    - `timeout`: a session ends with the last event before more than `timeout_minutes` without one.
    - `property`: a session has events in a row with the same value of `property`, a column or
      expression. Events where it is null do not count.
    - `event`: a session is from an event `start` to the next event `end`. Both are steps with
      `event` and `where`. Without an `end` on the same day, `ended_at` and `duration_seconds` are
      null.
  - `resets_at_midnight`: a session also ends with the day of the project.
  - `excluded_events`: names of events that do not count: those that are hidden or excluded from
    sessions in Mixpanel. With `with_system_events`, those that Mixpanel itself excludes do count.
  - `first_day`, `last_day`: of the day on which a session starts.
  Events of one moment are in the order of their ids.
-#}
{%- macro sessions(
  events, timezone, session_by='timeout', timeout_minutes=30, property=none, start=none, end=none,
  resets_at_midnight=true, excluded_events=[], with_system_events=false, first_day=none, last_day=none
) -%}
  {%- set person = 'partition by person_id order by occurred_at, event_id' -%}
with {{ mixload.session_events(
  events, timezone, session_by, timeout_minutes, property, start, end, resets_at_midnight, excluded_events, with_system_events
) }},

numbered as (
  select
    firsts.*,
    sum(is_first) over ({{ person }} rows between unbounded preceding and current row) as session_number,
    coalesce(lead(is_first) over ({{ person }}), 1) as is_last
  from firsts
),

sessions as (
  select
    min(case when is_first = 1 then event_id end) as session_id,
    person_id,
    {{ mixload.report_integer('session_number') }} as session_number,
    min(occurred_at) as started_at,
    {%- if session_by == 'event' %}
    max(case when is_last = 1 and is_end then occurred_at end) as ended_at,
    {%- else %}
    max(occurred_at) as ended_at,
    {%- endif %}
    min(date_day) as date_day,
    count(*) as event_count,
    min(case when is_first = 1 then event_name end) as first_event,
    min(case when is_last = 1 then event_name end) as last_event
  from numbered
  group by person_id, session_number
)

select
  session_id,
  person_id,
  session_number,
  started_at,
  ended_at,
  date_day,
  ({{ mixload.report_micros('ended_at') }} - {{ mixload.report_micros('started_at') }}) / {{ mixload.report_double('1000000') }} as duration_seconds,
  event_count,
  first_event,
  last_event
from sessions
where {{ mixload.report_in_range('date_day', first_day, last_day) }}
{%- endmacro -%}

{#-
  The queries of the events of sessions, the last of which is `firsts`: with `is_first` 1 where a
  session begins.
-#}
{%- macro session_events(
  events, timezone, session_by, timeout_minutes, property, start, end, resets_at_midnight, excluded_events, with_system_events,
  order='occurred_at, event_id'
) -%}
  {%- set person = 'partition by person_id order by ' ~ order -%}
counted as (
  select
    event_id,
    person_id,
    occurred_at,
    event_name,
    {{ mixload.report_day('occurred_at', timezone) }} as date_day
    {%- if session_by == 'property' %},
    {{ property }} as session_value
    {%- elif session_by == 'event' %},
    {{ mixload.report_matches(start) }} as is_start,
    {{ mixload.report_matches(end) }} as is_end
    {%- endif %}
  from {{ events }} as events
  where {{ mixload.report_is_counted() }}
    {%- if not with_system_events %}
    and event_name not in ({{ mixload.report_system_events() }})
    {%- endif %}
    {%- if excluded_events | length > 0 %}
    and event_name not in ({% for name in excluded_events %}{{ mixload.report_text(name) }}{{ ', ' if not loop.last }}{% endfor %})
    {%- endif %}
    {%- if session_by == 'property' %}
    and {{ property }} is not null
    {%- endif %}
),

{% if session_by == 'event' -%}
  {%- set day = 'partition by person_id' ~ (', date_day' if resets_at_midnight else '') -%}
-- Events between two ends are a block. A session is a block from its first start.
blocks as (
  select
    counted.*,
    coalesce(sum(case when is_end then 1 else 0 end) over (
      {{ day }} order by occurred_at, event_id rows between unbounded preceding and 1 preceding
    ), 0) as block
  from counted
),

starts as (
  select
    blocks.*,
    sum(case when is_start then 1 else 0 end) over (
      {{ day }}, block order by occurred_at, event_id rows between unbounded preceding and current row
    ) as starts
  from blocks
),

firsts as (
  select event_id, person_id, occurred_at, event_name, date_day, is_end, case when is_start and starts = 1 then 1 else 0 end as is_first
  from starts
  where starts > 0
)
{%- else -%}
firsts as (
  select
    event_id,
    person_id,
    occurred_at,
    event_name,
    date_day,
    previous_at,
    case
      when {{ mixload.sessions_goes_on(session_by, timeout_minutes, resets_at_midnight) }} then 0
      else 1
    end as is_first
  from (
    select
      counted.*,
      {%- if session_by == 'property' %}
      lag(session_value) over ({{ person }}) as previous_value,
      {%- endif %}
      lag(occurred_at) over ({{ person }}) as previous_at,
      lag(date_day) over ({{ person }}) as previous_day
    from counted
  ) as pairs
)
{%- endif %}
{%- endmacro -%}

{#- Whether an event is in the session of the event before. -#}
{%- macro sessions_goes_on(session_by, timeout_minutes, resets_at_midnight) -%}
  {%- if session_by == 'property' -%}
    previous_value = session_value
  {%- else -%}
    {{ mixload.report_micros('occurred_at') }} - {{ mixload.report_micros('previous_at') }} <= {{ timeout_minutes * 60000000 }}
  {%- endif -%}
  {%- if resets_at_midnight %} and previous_day = date_day{%- endif -%}
{%- endmacro -%}

{#- Events of Mixpanel itself that are in no session. -#}
{%- macro report_system_events() -%}
  '$identify', '$create_alias', '$merge', '$hotshard_events', '$campaign_delivery', '$campaign_bounced',
  '$campaign_marked_spam', '$message_suppressed', '$unsubscribe', '$journey_entered'
{%- endmacro -%}
