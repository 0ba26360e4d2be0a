select
  identities.person_id,
  events.event_date as date_day,
  count(*) as event_count
from {{ ref('events') }} as events
join {{ ref('identities') }} as identities on identities.distinct_id = events.distinct_id
where events.event_date is not null
group by 1, 2
