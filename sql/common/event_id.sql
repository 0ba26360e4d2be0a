md5(concat(event, chr(31), CAST({{second}} AS VARCHAR), chr(31), {{person}}, chr(31), {{insert_id}}))
