CAST(floor(extract(epoch FROM {{time}})) AS BIGINT)
