import { member } from '../columns/catalogue.ts'
import { recordTable } from '../columns/table.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import { batchOf, type JsonObject, numberOf, objectsOf, parseAnswer, unknownForm, withIntegers } from './answer.ts'
import type { Stream } from './stream.ts'

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

/** Members that the table has as numbers. */
const INTEGERS = ['id', 'count', 'is_visible', 'project_id']

/** The cohorts in the response to {@link COHORT_LIST}. @throws MixloadError BODY_UNREADABLE */
export function cohortsIn(body: Buffer): readonly JsonObject[] {
  const what = 'The list of cohorts'
  const cohorts = objectsOf(parseAnswer(body, what), 'results', what).map((cohort) => withIntegers(cohort, INTEGERS))
  if (cohorts.some(({ id }) => numberOf(id) === undefined)) throw unknownForm(what)
  return cohorts
}

/** All saved cohorts, read whole each time: Mixpanel does not report changes or deletions. */
export const COHORTS_STREAM: Stream = {
  name: 'cohorts',
  tables: [COHORTS],
  replication: 'full-table',
  family: 'app',
  async *read({ ask }) {
    yield batchOf('cohorts', await ask(COHORT_LIST, cohortsIn))
  },
}
