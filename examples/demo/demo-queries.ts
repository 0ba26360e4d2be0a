/** A query of the loaded table, and what its result shows. */
export interface DemoQuery {
  readonly title: string
  readonly sql: string
}

export const DEMO_QUERIES: readonly DemoQuery[] = [
  {
    title: 'export has all events, even those that Mixpanel received twice; export_latest has each event once:',
    sql: `SELECT (SELECT count(*) FROM mixpanel.export) AS rows_in_export,
       (SELECT count(*) FROM mixpanel.export_latest) AS rows_in_export_latest`,
  },
  {
    title: 'The shop, day by day:',
    sql: `SELECT _day AS day, count(*) AS events, count(DISTINCT distinct_id) AS customers,
       count(*) FILTER (event = 'Order Completed') AS orders,
       CAST(sum(total) AS DECIMAL(12, 2)) AS revenue
FROM mixpanel.export_latest GROUP BY day ORDER BY day`,
  },
  {
    title: 'Each property has a column, with a name and a type from the data. Plan and plan have separate columns:',
    sql: `SELECT property, column_name, column_type
FROM mixpanel._mixload_columns WHERE table_name = 'export' AND property IS NOT NULL ORDER BY lower(property), column_name`,
  },
  {
    title: 'discount was a number first. Later texts are in a second column, so nothing is lost:',
    sql: `SELECT discount, discount__text, count(*) AS orders
FROM mixpanel.export_latest WHERE event = 'Order Completed' GROUP BY ALL ORDER BY ALL`,
  },
  {
    title: 'Long ids are stored as text, with every digit:',
    sql: `SELECT time, order_id, quantity, total
FROM mixpanel.export_latest WHERE order_id IS NOT NULL ORDER BY time LIMIT 3`,
  },
  {
    title: 'Lists and objects are JSON columns:',
    sql: `SELECT product, tags, cart, cart ->> '$.value' AS cart_value
FROM mixpanel.export_latest WHERE cart IS NOT NULL ORDER BY time LIMIT 3`,
  },
]
