-- The events of reports: each once, with the person as Mixpanel's reports know them now. Events
-- without a distinct_id belong to nobody.
SELECT {{columns}},
  events.event AS event_name,
  events.time AS occurred_at,
  coalesce(identities.resolved_id, events.distinct_id) AS person_id
FROM {{latest}} AS events
LEFT JOIN {{identities}} AS identities ON identities.original_id = events.distinct_id
WHERE events.distinct_id <> ''
  AND events._day BETWEEN DATE {{first_day}} AND DATE {{last_day}}
  AND events.time >= {{from}} AND events.time < {{until}}{{hidden}}
