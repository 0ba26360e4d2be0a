TO_HEX(MD5(CONCAT(COALESCE(event, ''), CHR(31), COALESCE(CAST({{second}} AS STRING), ''), CHR(31), {{person}}, CHR(31), {{insert_id}})))
