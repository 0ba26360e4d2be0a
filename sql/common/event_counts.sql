-- Events per day and name, each event once, by days of the project's time zone, as Mixpanel's
-- reports count them. The filter on time reaches the table itself.
SELECT CAST(time AT TIME ZONE {{zone}} AS DATE) AS day, event, count(*) AS count
FROM {{table}}
WHERE time >= TIMESTAMP WITH TIME ZONE {{from}} AND time < TIMESTAMP WITH TIME ZONE {{until}}
GROUP BY 1, 2
