select
  date_day,
  count(*) as active_users,
  count(case when date_day = first_day then person_id end) as new_users,
  cast(sum(event_count) as {{ mixload.type_name('bigint') }}) as event_count
from {{ ref('person_days') }}
group by date_day
