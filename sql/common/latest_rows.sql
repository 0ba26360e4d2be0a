-- The rows as they are: whenever the table is read, all of its rows are replaced.
SELECT {{columns}}
FROM {{table}}
