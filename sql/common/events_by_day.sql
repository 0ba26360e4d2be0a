-- How many events the days have, each event once.
SELECT _day AS day, count(*) AS count
FROM {{table}}
WHERE {{days}}
GROUP BY _day
