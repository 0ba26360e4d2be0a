import { runDestinationConformance } from '../conformance/suite.ts'
import { DUCKDB } from './duckdb-harness.ts'

runDestinationConformance(DUCKDB)
