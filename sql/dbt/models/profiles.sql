select
  profiles.distinct_id,
  coalesce(identities.person_id, profiles.distinct_id) as person_id,
  profiles.name,
  profiles.first_name,
  profiles.last_name,
  profiles.email,
  profiles.phone,
  profiles.created_at,
  profiles.last_seen_at,
  profiles.country_code,
  profiles.region,
  profiles.city,
  profiles.timezone,
  profiles._loaded_at
from {{ ref('stg_mixpanel__engage') }} as profiles
left join {{ ref('identities') }} as identities on identities.distinct_id = profiles.distinct_id
