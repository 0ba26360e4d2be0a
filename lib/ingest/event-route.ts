import type { EndpointName } from './endpoints.ts'
import { mixpanelTimeMs } from './mixpanel-time.ts'
import type { EventPayload } from './payloads.ts'
import type { Properties } from './property-values.ts'

const DAY_MS = 86_400_000

/** /track drops events older than five days. One hour is for queueing and retries. */
const TRACK_AGE_MS_MAX = 5 * DAY_MS - 3_600_000

/** An import needs one of these properties. */
const PERSON_PROPERTIES = ['distinct_id', '$user_id', '$device_id']

/** Chooses the endpoint for an event, and returns the event as the endpoint expects it. */
export function routeEvent({ event, properties }: EventPayload, now: number): readonly [EndpointName, EventPayload] {
  const isOld = now - mixpanelTimeMs(properties.time as number) > TRACK_AGE_MS_MAX
  // Mixpanel merges two ids only when they arrive as an import.
  if (!isOld && event !== '$merge') return ['track', { event, properties }]
  return ['import', { event, properties: withPerson(properties) }]
}

/** An import rejects an event without a person. An empty id means that there is none. */
function withPerson(properties: Properties): Properties {
  const hasPerson = PERSON_PROPERTIES.some((name) => properties[name] !== undefined)
  return hasPerson ? properties : { ...properties, distinct_id: '' }
}
