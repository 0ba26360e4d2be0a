interface PlanNode {
  readonly name: string
  readonly children: readonly PlanNode[]
  readonly extra_info: unknown
}

/**
 * The details of each scan of a table or of files, in the plan that DuckDB returns for `EXPLAIN
 * (FORMAT json)`.
 */
export function scansOf(plan: unknown): readonly string[] {
  const scans = (nodes: readonly PlanNode[]): readonly string[] =>
    nodes.flatMap((node) => [
      ...(/READ_PARQUET|SCAN/.test(node.name) ? [JSON.stringify(node.extra_info)] : []),
      ...scans(node.children),
    ])
  return scans(JSON.parse(String(plan)))
}
