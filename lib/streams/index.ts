import type { Settings, StreamName } from '../settings.ts'
import { ANNOTATIONS_STREAM } from './annotations.ts'
import { COHORT_MEMBERS_STREAM } from './cohort-members.ts'
import { COHORTS_STREAM } from './cohorts.ts'
import { ENGAGE_STREAM, groupStreams } from './engage.ts'
import { funnelsStream } from './funnels.ts'
import { revenueStream } from './revenue.ts'
import type { RecordStream } from './stream.ts'

/** A name of the setting `streams` that stands for streams of records. */
export type RecordStreamName = Exclude<StreamName, 'export'>

/** The streams of records behind each name that `--streams` takes. `export` is none: its events go another way. */
const RECORD_STREAMS: Readonly<Record<RecordStreamName, (settings: Settings) => readonly RecordStream[]>> = {
  cohorts: () => [COHORTS_STREAM],
  annotations: () => [ANNOTATIONS_STREAM],
  funnels: () => [funnelsStream()],
  revenue: () => [revenueStream()],
  engage: () => [ENGAGE_STREAM],
  groups: groupStreams,
  cohort_members: () => [COHORT_MEMBERS_STREAM],
}

/** The streams of records that a name stands for with these settings, made for one run; none of `groups` without groups. */
export function recordStreams(name: RecordStreamName, settings: Settings): readonly RecordStream[] {
  return RECORD_STREAMS[name](settings)
}
