-- For every session, whatever the server, the database or the role have as their defaults.
SET client_encoding = 'UTF8';
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET standard_conforming_strings = on;
-- First pg_catalog, so that names of the server mean the server's own. The rest may be for triggers
-- that users have put on the tables.
SELECT pg_catalog.set_config(
  'search_path',
  pg_catalog.concat_ws(', ', 'pg_catalog', nullif(pg_catalog.current_setting('search_path'), '')),
  false
);
-- A load may take any time, and a session waits while something is downloaded.
SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN (
  'statement_timeout',
  'lock_timeout',
  'transaction_timeout',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout'
);
-- The run lock of a machine that has gone away is free after two minutes, not two hours.
SET tcp_keepalives_idle = 60;
SET tcp_keepalives_interval = 10;
SET tcp_keepalives_count = 6;
