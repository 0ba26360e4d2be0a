TO_HEX(MD5(CONCAT(COALESCE(event, ''), CHR(31), CAST({{second}} AS STRING), CHR(31), COALESCE({{person}}, ''), CHR(31), {{insert_id}})))
