import { member } from '../columns/catalogue.ts'
import { recordTable } from '../columns/table.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import { batchOf, type JsonObject } from './answer.ts'
import { askList, type ListForm } from './list-items.ts'
import type { Stream, StreamContext } from './stream.ts'

const COHORTS = recordTable(
  'cohorts',
  ['id'],
  [
    member('id', 'bigint', 'Id of the cohort'),
    member('name', 'text', 'Name of the cohort'),
    member('description', 'text', 'Description of the cohort'),
    member('count', 'bigint', 'Members, as Mixpanel counts them'),
    member('is_visible', 'bigint', '1 if the cohort is shown to all, 0 if it is hidden'),
    // Mixpanel writes no zone and does not document which one it uses.
    member('created', 'text', 'When the cohort was created, as Mixpanel writes it, without a time zone'),
    member('project_id', 'bigint', 'Id of the project'),
    // Ids of group keys may have more digits than a double holds, and a sign.
    member('data_group_id', 'text', 'Group key whose groups the members are; null if they are people'),
  ],
)

/** Lists the saved cohorts. */
export const COHORT_LIST: ApiRequest = { family: 'app', path: '/api/query/cohorts/list', query: {}, form: {} }

const FORM: ListForm = {
  what: 'The list of cohorts',
  member: 'results',
  noun: 'Cohort',
  id: 'id',
  integers: ['id', 'count', 'is_visible', 'project_id'],
}

/** Requests the saved cohorts. @throws MixloadError BODY_UNREADABLE */
export async function savedCohorts(context: StreamContext): Promise<readonly JsonObject[]> {
  const { items, leftOut } = await askList(context, COHORT_LIST, FORM)
  leftOut.forEach(context.leaveOut)
  return items
}

/** All saved cohorts, read whole each time: Mixpanel does not report changes or deletions. */
export const COHORTS_STREAM: Stream = {
  name: 'cohorts',
  tables: [COHORTS],
  replication: 'full-table',
  family: 'app',
  async *read(context) {
    yield batchOf('cohorts', await savedCohorts(context))
  },
}
