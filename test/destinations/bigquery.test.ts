import { afterAll } from 'vitest'
import { runDestinationConformance } from '../conformance/suite.ts'
import { bigqueryHarness } from './bigquery-harness.ts'
import { type BigQueryPlace, emulatedBigQuery } from './bigquery-places.ts'

let place: Promise<BigQueryPlace> | undefined

runDestinationConformance(
  bigqueryHarness(() => {
    place ??= emulatedBigQuery()
    return place
  }, 'bigquery'),
)

afterAll(async () => {
  await (await place)?.stop()
})
