select
  steps.funnel_id,
  funnels.funnel_name,
  steps.date_day,
  steps.step_index + 1 as step_number,
  steps.event_name,
  coalesce(steps.step_label, steps.event_name) as step_name,
  steps.people,
  first_value(steps.people) over funnel as people_at_start,
  lag(steps.people) over funnel as people_before,
  steps.seconds_from_previous,
  steps.seconds_from_start,
  steps._loaded_at
from {{ ref('stg_mixpanel__funnel_steps') }} as steps
left join {{ ref('stg_mixpanel__funnels') }} as funnels
  on funnels.funnel_id = steps.funnel_id and funnels.date_day = steps.date_day
window funnel as (partition by steps.funnel_id, steps.date_day order by steps.step_index)
