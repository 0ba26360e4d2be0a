UNIX_SECONDS({{time}})
