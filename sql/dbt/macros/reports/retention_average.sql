{#-
  The averages of retention over cohorts, as in the first row of Mixpanel's table: weighted by the
  size of the cohorts, and only over those whose period is complete (all, without `complete_day`).
  Takes the arguments of `retention`.
-#}
{%- macro retention_average(
  events, timezone, born={}, returning={}, criterion='on_or_after', mode='rolling', unit='day', periods=8, brackets=none,
  first_time=false, first_day=none, last_day=none, complete_day=none
) -%}
select
  period,
  {{ mixload.report_integer('count(*)') }} as cohorts,
  {{ mixload.report_integer('sum(cohort_size)') }} as people,
  {{ mixload.report_ratio('sum(cohort_size * cohort_size)', 'sum(cohort_size)') }} as average_size,
  {{ mixload.report_ratio('sum(retained * cohort_size)', 'sum(cohort_size)') }} as average_retained,
  {{ mixload.report_ratio('sum(retained * cohort_size)', 'sum(cohort_size * cohort_size)') }} as retention_rate
from (
{{ mixload.retention(
  events, timezone, born=born, returning=returning, criterion=criterion, mode=mode, unit=unit, periods=periods,
  brackets=brackets, first_time=first_time, first_day=first_day, last_day=last_day, complete_day=complete_day
) }}
) as cohorts
where is_complete is null or is_complete
group by period
order by period
{%- endmacro -%}
