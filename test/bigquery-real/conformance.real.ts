import { runDestinationConformance } from '../conformance/suite.ts'
import { bigqueryHarness } from '../destinations/bigquery-harness.ts'
import { realBigQuery } from '../destinations/bigquery-places.ts'

const named = process.env.MIXLOAD_TEST_BIGQUERY
if (named === undefined) throw new Error('Set MIXLOAD_TEST_BIGQUERY to PROJECT/DATASET.')

const place = realBigQuery(named)
runDestinationConformance(bigqueryHarness(() => place, 'bigquery by Google'))
