import { runDestinationConformance } from '../conformance/suite.ts'
import { postgresHarness } from './postgres-harness.ts'

runDestinationConformance(postgresHarness(13))
