import type { EndpointName } from './endpoints.ts'
import { momentMs } from './event-time.ts'
import type { EventPayload } from './payloads.ts'
import type { Properties } from './property-values.ts'

const DAY_MS = 86_400_000

/** /track drops events older than five days, and says that it took them; some time goes by on the way. */
const TRACK_AGE_MS_MAX = 5 * DAY_MS - 3_600_000

/** Properties of which an import needs one. */
const PERSONS = ['distinct_id', '$user_id', '$device_id']

/** The endpoint that keeps an event of this age, and the event in the form that it wants. */
export function routeOf({ event, properties }: EventPayload, now: number): readonly [EndpointName, EventPayload] {
  const isOld = now - momentMs(properties.time as number) > TRACK_AGE_MS_MAX
  // Two ids can be merged by an import only.
  if (!isOld && event !== '$merge') return ['track', { event, properties }]
  return ['import', { event, properties: withPerson(properties) }]
}

/** An import refuses an event without a person; an empty id means that there is none. */
function withPerson(properties: Properties): Properties {
  return PERSONS.some((name) => properties[name] !== undefined) ? properties : { ...properties, distinct_id: '' }
}
