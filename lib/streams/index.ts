import type { Settings, StreamName } from '../settings.ts'
import { ANNOTATIONS_STREAM } from './annotations.ts'
import { COHORT_MEMBERS_STREAM } from './cohort-members.ts'
import { COHORTS_STREAM } from './cohorts.ts'
import { ENGAGE_STREAM, groupStreams } from './engage.ts'
import { exportStream } from './export.ts'
import { funnelsStream } from './funnels.ts'
import { revenueStream } from './revenue.ts'
import type { Stream } from './stream.ts'

const STREAMS_BY_NAME: Readonly<Record<StreamName, (settings: Settings) => readonly Stream[]>> = {
  export: (settings) => [exportStream(settings)],
  cohorts: () => [COHORTS_STREAM],
  annotations: () => [ANNOTATIONS_STREAM],
  funnels: () => [funnelsStream()],
  revenue: () => [revenueStream()],
  engage: () => [ENGAGE_STREAM],
  groups: groupStreams,
  cohort_members: () => [COHORT_MEMBERS_STREAM],
}

/** The tables of streams, with those of changes that the settings leave out. */
export function tableNames(streams: readonly Stream[], settings: Settings): readonly string[] {
  return streams.flatMap(({ tables, changesTable }) =>
    tables.map(({ name }) => name).concat(changesTable?.({ ...settings, engageHistory: true }) ?? []),
  )
}

/** New streams for a `--streams` name. `groups` has one per configured group key. */
export function streamsOf(name: StreamName, settings: Settings): readonly Stream[] {
  return STREAMS_BY_NAME[name](settings)
}
