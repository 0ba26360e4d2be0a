CAST(hash(random(), random()) >> 1 AS BIGINT)
