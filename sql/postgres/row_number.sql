floor(random() * 2147483648)::bigint * 4294967296 + floor(random() * 4294967296)::bigint
