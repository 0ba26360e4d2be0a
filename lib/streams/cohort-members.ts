import { fixed, LOAD_COLUMNS, member } from '../columns/catalogue.ts'
import { PROFILE_LINES, type StreamTable } from '../columns/table.ts'
import { isFailure, MixloadError } from '../core/errors.ts'
import { WHOLE_TABLE } from '../slices.ts'
import { idText, type JsonObject, numberOf } from './answer.ts'
import { savedCohorts } from './cohorts.ts'
import { itemName } from './list-items.ts'
import { type ProfileQuery, profilePages } from './profile-pages.ts'
import { readEach } from './read-each.ts'
import type { LineBatch, Stream, StreamContext } from './stream.ts'

const TABLE = 'cohort_members'

const COHORT_MEMBERS: StreamTable = {
  name: TABLE,
  columns: [
    member('cohort_id', 'bigint', 'Id of the cohort'),
    fixed('distinct_id', 'text', 'Member of the cohort'),
    ...LOAD_COLUMNS,
  ],
  lines: PROFILE_LINES,
  identity: 'distinct_id',
  key: ['cohort_id', 'distinct_id'],
  properties: {},
  isSelective: false,
}

/** How often a cohort is read from its first page when its session is lost. */
const COHORT_TRIES = 3

/** The current members of each saved cohort. Each cohort takes at least one request. */
export const COHORT_MEMBERS_STREAM: Stream = {
  name: TABLE,
  tables: [COHORT_MEMBERS],
  replication: 'full-table',
  family: 'app',
  async *read(context) {
    const cohorts = (await savedCohorts(context)).map(cohortOf)
    yield* readEach(context, cohorts, membersOf)
  },
}

interface Cohort {
  /** As JSON. */
  readonly id: string
  readonly name: string
  readonly count: number | undefined
  readonly dataGroupId: string | undefined
}

function cohortOf({ id, name, count, data_group_id }: JsonObject): Cohort {
  const text = JSON.stringify(id)
  return {
    id: text,
    name: itemName(`cohort ${text}`, name),
    count: numberOf(count),
    dataGroupId: data_group_id === null || data_group_id === undefined ? undefined : idText(data_group_id),
  }
}

async function* membersOf(context: StreamContext, cohort: Cohort): AsyncGenerator<LineBatch, void, undefined> {
  const { includeAllUsers } = context.settings
  // Mixpanel's count includes members without a profile: compare only if they were requested.
  const count = includeAllUsers ? cohort.count : undefined
  const query: ProfileQuery = {
    what: cohort.name,
    form: {
      filter_by_cohort: `{"id":${cohort.id}}`,
      include_all_users: String(includeAllUsers),
      // Not an empty list: whether that means no properties or all is undocumented.
      output_properties: '["$distinct_id"]',
      ...(cohort.dataGroupId === undefined ? {} : { data_group_id: cohort.dataGroupId }),
    },
    insteadOfProperties: `"cohort_id":${cohort.id}`,
    atLeast: count,
    triesLarger: true,
  }
  for (let tries = 1; ; tries++) {
    try {
      for await (const { lines } of profilePages(context, query)) yield { table: TABLE, lines }
      break
    } catch (error) {
      // Read this cohort again, but not the others: the table's key removes repeated members.
      if (!isFailure(error, 'SESSION_LOST')) throw error
      // A cause of the same code prevents that the whole stream is read again.
      if (tries === COHORT_TRIES) throw new MixloadError('SESSION_LOST', error.message, { cause: error })
      context.onProgress({ kind: 'slice-restarted', stream: cohort.name, slice: WHOLE_TABLE, reason: error.message })
    }
  }
  if (count === undefined) return
  const where = { column: 'cohort_id', value: cohort.id }
  context.expect({ table: TABLE, count, where, isReadAgain: false, name: cohort.name })
}
