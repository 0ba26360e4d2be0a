import { runDestinationConformance } from '../conformance/suite.ts'
import { PARQUET } from './parquet-harness.ts'

runDestinationConformance(PARQUET)
