-- People and exported ids per day and name of events, by days of the project's time zone, as
-- Mixpanel's reports count people. The filter on time reaches the table itself.
SELECT
  DATE(events.time, {{zone}}) AS day,
  events.event,
  count(DISTINCT coalesce(identities.resolved_id, events.distinct_id)) AS people,
  count(DISTINCT events.distinct_id) AS ids
FROM {{table}} AS events
LEFT JOIN {{identities}} AS identities ON identities.original_id = events.distinct_id
WHERE events.time >= TIMESTAMP {{from}} AND events.time < TIMESTAMP {{until}} AND events.distinct_id <> ''
GROUP BY 1, 2
