{%- set joined = mixload.loaded('identities') -%}

with
{%- if joined is not none %}
-- Computed once, because the view follows the links of all ids.
joined as (
  select original_id, resolved_id from {{ joined }}
),
{%- endif %}

seen as (
  select distinct_id from {{ ref('events') }}
  union distinct
  select original_distinct_id as distinct_id from {{ ref('events') }}
  union distinct
  select distinct_id from {{ ref('stg_mixpanel__engage') }}
  {%- if joined is not none %}
  union distinct
  select original_id as distinct_id from joined
  union distinct
  select resolved_id as distinct_id from joined
  {%- endif %}
)

select
  seen.distinct_id,
  {%- if joined is none %}
  seen.distinct_id as person_id,
  false as is_joined
from seen
  {%- else %}
  coalesce(joined.resolved_id, seen.distinct_id) as person_id,
  joined.resolved_id is not null as is_joined
from seen
left join joined on joined.original_id = seen.distinct_id
  {%- endif %}
where seen.distinct_id <> ''
