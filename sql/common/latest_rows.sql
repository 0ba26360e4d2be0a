-- The rows of the table: each run replaces all of them.
SELECT {{columns}}
FROM {{table}}
