-- How many rows of each day can be removed.
SELECT _day AS day, count(*) AS count
FROM {{table}} AS __rows
WHERE {{removable}}
GROUP BY _day
