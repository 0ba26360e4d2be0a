CREATE TABLE IF NOT EXISTS {{schema}}._mixload_loads (
  load_id text PRIMARY KEY,
  stream text NOT NULL,
  first_day date,
  last_day date,
  selection text NOT NULL,
  row_count bigint NOT NULL,
  reject_count bigint NOT NULL,
  byte_count bigint NOT NULL,
  request_count bigint NOT NULL,
  started_at timestamptz NOT NULL,
  loaded_at timestamptz NOT NULL,
  write_mode text NOT NULL,
  mixload_version text NOT NULL,
  day_rows text
);

-- Ledgers that older versions made lack it.
ALTER TABLE {{schema}}._mixload_loads ADD COLUMN IF NOT EXISTS day_rows text;

CREATE TABLE IF NOT EXISTS {{schema}}._mixload_columns (
  table_name text NOT NULL,
  property text,
  column_name text NOT NULL,
  column_type text NOT NULL,
  column_role text NOT NULL,
  owner_column text,
  first_load_id text NOT NULL,
  first_seen_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS {{schema}}._mixload_rejects (
  load_id text NOT NULL,
  stream text NOT NULL,
  reason text NOT NULL,
  line text NOT NULL
);
