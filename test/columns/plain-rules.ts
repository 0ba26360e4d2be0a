import type { ColumnRules } from '../../lib/columns/registry.ts'

/** Every property is wanted, and its first value decides its type. */
export const PLAIN_RULES: ColumnRules = {
  columnsMax: 1000,
  newProperties: 'capture',
  typeOf: () => undefined,
  isWanted: () => true,
}
