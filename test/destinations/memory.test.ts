import { runDestinationConformance } from '../conformance/suite.ts'
import { transparentHarness } from '../conformance/transparent.ts'
import { MEMORY } from './memory-harness.ts'

runDestinationConformance(MEMORY)
runDestinationConformance(transparentHarness(MEMORY))
// The weaker promises must be testable, too.
runDestinationConformance(
  transparentHarness(MEMORY, { atomicReplace: false, readersDuringLoad: false, columnsMax: 1000 }),
)
