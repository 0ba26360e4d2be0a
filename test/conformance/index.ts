/**
 * The package's export `mixload/conformance`: the suite that every destination must pass, to be run
 * by vitest.
 */
export type * from '../../lib/destination/index.ts'
export type { Cell, DestinationHarness, Rival, Run, Store, StoredRow } from './harness.ts'
export { runDestinationConformance } from './suite.ts'
export { transparentHarness } from './transparent.ts'
