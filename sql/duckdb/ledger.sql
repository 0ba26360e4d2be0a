CREATE SCHEMA IF NOT EXISTS {{schema}};

CREATE TABLE IF NOT EXISTS {{schema}}._mixload_loads (
  load_id VARCHAR NOT NULL,
  stream VARCHAR NOT NULL,
  first_day DATE,
  last_day DATE,
  selection VARCHAR NOT NULL,
  row_count BIGINT NOT NULL,
  reject_count BIGINT NOT NULL,
  byte_count BIGINT NOT NULL,
  request_count BIGINT NOT NULL,
  started_at TIMESTAMPTZ NOT NULL,
  loaded_at TIMESTAMPTZ NOT NULL,
  write_mode VARCHAR NOT NULL,
  mixload_version VARCHAR NOT NULL,
  day_rows VARCHAR
);

-- Ledgers that older versions made lack it.
ALTER TABLE {{schema}}._mixload_loads ADD COLUMN IF NOT EXISTS day_rows VARCHAR;

CREATE TABLE IF NOT EXISTS {{schema}}._mixload_columns (
  table_name VARCHAR NOT NULL,
  property VARCHAR,
  column_name VARCHAR NOT NULL,
  column_type VARCHAR NOT NULL,
  column_role VARCHAR NOT NULL,
  owner_column VARCHAR,
  first_load_id VARCHAR NOT NULL,
  first_seen_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE IF NOT EXISTS {{schema}}._mixload_rejects (
  load_id VARCHAR NOT NULL,
  stream VARCHAR NOT NULL,
  reason VARCHAR NOT NULL,
  line VARCHAR NOT NULL
);
