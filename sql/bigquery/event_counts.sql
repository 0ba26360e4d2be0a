-- Events per day and name, each event once, by days of the project's time zone, as Mixpanel's
-- reports count them. The filter on time reaches the table itself.
SELECT DATE(time, {{zone}}) AS day, event, count(*) AS count
FROM {{table}}
WHERE time >= TIMESTAMP {{from}} AND time < TIMESTAMP {{until}}
GROUP BY 1, 2
