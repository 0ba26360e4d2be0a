/** Examples in docs/columns.md that find the values of a property. A test runs them. */

/** An example in each dialect. `name` is its column in the result. */
export interface ValueExample {
  readonly title: string
  readonly queries: Readonly<Record<'DuckDB' | 'Postgres' | 'BigQuery', string>>
}

const FROM = 'FROM mixpanel.export_latest'

const sameIn = (query: string): ValueExample['queries'] => ({ DuckDB: query, Postgres: query, BigQuery: query })

export const VALUE_EXAMPLES: readonly ValueExample[] = [
  {
    title: 'All values of `price`, as text: those of the column, and those that do not fit it.',
    queries: {
      DuckDB: `SELECT event_id, coalesce(CAST(price AS VARCHAR), price__text) AS price\n${FROM}`,
      Postgres: `SELECT event_id, coalesce(CAST(price AS text), price__text) AS price\n${FROM}`,
      BigQuery: `SELECT event_id, coalesce(CAST(price AS STRING), price__text) AS price\n${FROM}`,
    },
  },
  {
    title: 'The numbers among them, also those that came as text, such as `"12.5"`.',
    queries: {
      DuckDB: `SELECT event_id, coalesce(price, TRY_CAST(price__text AS DOUBLE)) AS price\n${FROM}`,
      Postgres: `SELECT event_id, coalesce(price, CASE WHEN price__text ~ '^-?\\d+(\\.\\d+)?$' THEN CAST(price__text AS double precision) END) AS price\n${FROM}`,
      BigQuery: `SELECT event_id, coalesce(price, SAFE_CAST(price__text AS FLOAT64)) AS price\n${FROM}`,
    },
  },
  {
    title: 'A property that is spelled in several ways: `plan`, `Plan` and `PLAN`.',
    queries: sameIn(`SELECT event_id, coalesce(plan, plan_2, plan_3) AS plan\n${FROM}`),
  },
  {
    title: 'A property in `_more`, as text.',
    queries: {
      DuckDB: `SELECT event_id, _more ->> '/coupon' AS coupon\n${FROM}`,
      Postgres: `SELECT event_id, _more ->> 'coupon' AS coupon\n${FROM}`,
      BigQuery: `SELECT event_id, JSON_VALUE(_more.coupon) AS coupon\n${FROM}`,
    },
  },
  {
    title: 'A member of an object, here of the property `address`, and the first element of a list.',
    queries: {
      DuckDB: `SELECT event_id, address ->> '/city' AS city, tags ->> 0 AS first_tag\n${FROM}`,
      Postgres: `SELECT event_id, address ->> 'city' AS city, tags ->> 0 AS first_tag\n${FROM}`,
      BigQuery: `SELECT event_id, JSON_VALUE(address.city) AS city, JSON_VALUE(tags[0]) AS first_tag\n${FROM}`,
    },
  },
  {
    title: 'Which properties are in `_more`, and in how many rows.',
    queries: sameIn('SELECT property, row_count\nFROM mixpanel._mixload_more\nORDER BY row_count DESC'),
  },
  {
    title: 'Which columns have values that do not fit.',
    queries: sameIn(
      'SELECT table_name, column_name, companion_column, value_count, example\nFROM mixpanel._mixload_companions\nORDER BY value_count DESC',
    ),
  },
  {
    title: 'Which columns have properties that differ only in upper and lower case.',
    queries: sameIn(
      `SELECT lower(property) AS spelling, count(*) AS columns, min(column_name) AS first_column\nFROM mixpanel._mixload_columns\nWHERE table_name = 'export' AND column_role = 'property'\nGROUP BY lower(property)\nHAVING count(*) > 1`,
    ),
  },
]
