with days as (
  select
    person_id,
    date_day,
    event_count,
    min(date_day) over (partition by person_id) as first_day
  from {{ ref('person_days') }}
)

select
  date_day,
  count(*) as active_users,
  count(case when date_day = first_day then person_id end) as new_users,
  cast(sum(event_count) as {{ mixload.type_name('bigint') }}) as event_count
from days
group by date_day
