select
  members.cohort_id,
  cohorts.cohort_name,
  members.distinct_id,
  coalesce(identities.person_id, members.distinct_id) as person_id,
  members._loaded_at
from {{ ref('stg_mixpanel__cohort_members') }} as members
left join {{ ref('stg_mixpanel__cohorts') }} as cohorts on cohorts.cohort_id = members.cohort_id
left join {{ ref('identities') }} as identities on identities.distinct_id = members.distinct_id
