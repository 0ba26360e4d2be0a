{#-
  Revenue of each period.

    {{ mixload.revenue(events, 'Europe/Berlin', amount='amount', step={'event': 'Order'}) }}

  - `amount`: what an event is worth, an expression of numbers. Null counts as an order without
    revenue.
  - `step`: the event of an order; without an `event`, any. `where` is a condition.
  - `active`: the event that makes people active users; by default any.
  - `unit`: `day`, `week` or `month`, the length of the periods.
  - `first_day`, `last_day`: the range, which cuts the first and last period.
-#}
{%- macro revenue(events, timezone, amount, step={}, active={}, unit='day', first_day=none, last_day=none) -%}
with counted as (
  select
    person_id,
    {{ mixload.report_day('occurred_at', timezone) }} as day,
    case when {{ mixload.report_matches(step) }} then 1 else 0 end as orders,
    case when {{ mixload.report_matches(step) }} then {{ mixload.report_double(amount) }} end as amount,
    case when {{ mixload.report_matches(active) }} then 1 else 0 end as is_active
  from {{ events }} as events
  where {{ mixload.report_is_counted() }} and ({{ mixload.report_matches(step) }} or {{ mixload.report_matches(active) }})
),

people as (
  select
    person_id,
    {{ mixload.report_unit_start(unit, 'day') }} as period_start,
    sum(orders) as orders,
    sum(amount) as revenue,
    max(is_active) as is_active
  from counted
  where {{ mixload.report_in_range('day', first_day, last_day) }}
  group by 1, 2
),

totals as (
  select
    period_start,
    sum(revenue) as revenue,
    sum(orders) as orders,
    sum(case when orders > 0 then 1 else 0 end) as paying_users,
    sum(is_active) as active_users
  from people
  group by 1
),

periods as (
  {{ mixload.report_periods(unit, first_day, last_day, 'counted') }}
)

select
  periods.period_start,
  coalesce(totals.revenue, 0) as revenue,
  {{ mixload.report_integer('coalesce(totals.orders, 0)') }} as orders,
  {{ mixload.report_integer('coalesce(totals.paying_users, 0)') }} as paying_users,
  {{ mixload.report_integer('coalesce(totals.active_users, 0)') }} as active_users,
  {{ mixload.report_ratio('coalesce(totals.revenue, 0)', 'totals.orders') }} as revenue_per_order,
  {{ mixload.report_ratio('coalesce(totals.revenue, 0)', 'totals.paying_users') }} as revenue_per_paying_user,
  {{ mixload.report_ratio('coalesce(totals.revenue, 0)', 'totals.active_users') }} as revenue_per_active_user
from periods
left join totals on totals.period_start = periods.period_start
order by periods.period_start
{%- endmacro -%}

{#- What each person has spent. The arguments are those of `revenue`. -#}
{%- macro revenue_per_person(events, timezone, amount, step={}, first_day=none, last_day=none) -%}
select
  person_id,
  coalesce(sum(amount), 0) as revenue,
  {{ mixload.report_integer('count(*)') }} as orders,
  min(occurred_at) as first_order_at,
  max(occurred_at) as last_order_at
from (
  select
    person_id,
    occurred_at,
    {{ mixload.report_double(amount) }} as amount,
    {{ mixload.report_day('occurred_at', timezone) }} as day
  from {{ events }} as events
  where {{ mixload.report_is_counted() }} and {{ mixload.report_matches(step) }}
) as orders
where {{ mixload.report_in_range('day', first_day, last_day) }}
group by person_id
{%- endmacro -%}
