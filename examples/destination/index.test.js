import { runDestinationConformance } from 'mixload/conformance'
import { harnessOf } from './harness.js'
import { createDriver } from './index.js'

runDestinationConformance(harnessOf(createDriver))
