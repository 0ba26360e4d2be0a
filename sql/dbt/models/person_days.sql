with days as (
  select
    identities.person_id,
    events.event_date as date_day,
    count(*) as event_count,
    {{ mixload.events_hash('events.event_id', 'events.occurred_at') }} as events_hash
  from {{ ref('events') }} as events
  join {{ ref('identities') }} as identities on identities.distinct_id = events.distinct_id
  where events.event_date is not null
  group by 1, 2
)

select
  person_id,
  date_day,
  event_count,
  first_value(date_day) over person as first_day,
  lag(date_day) over person as previous_day,
  events_hash
from days
window person as (partition by person_id order by date_day)
