import { runDestinationConformance } from '../conformance/suite.ts'
import { transparentHarness } from '../conformance/transparent.ts'
import { DUCKDB } from './duckdb-harness.ts'

runDestinationConformance(DUCKDB)
runDestinationConformance(transparentHarness(DUCKDB))
