import { fixed, LOAD_COLUMNS } from '../columns/catalogue.ts'
import { foldName, freeName, groupTableName } from '../columns/naming.ts'
import { PROFILE_PROPERTIES } from '../columns/profile-catalogue.ts'
import { PROFILE_LINES, type StreamTable } from '../columns/table.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import type { Settings } from '../settings.ts'
import { CHANGE_NAMES, CHANGES_TABLE } from '../transform/profile-changes.ts'
import { isObject, numberOf, parseAnswer } from './answer.ts'
import { PAGE_SIZE } from './page-size.ts'
import { PROFILES_PATH, profilePages, totalOf } from './profile-pages.ts'
import type { Stream } from './stream.ts'

/** A table of profiles. Each property gets a column when it first appears. */
function profileTable(name: string, whose: string): StreamTable {
  return {
    name,
    columns: [fixed('distinct_id', 'text', whose), ...LOAD_COLUMNS],
    lines: PROFILE_LINES,
    identity: 'distinct_id',
    reserved: CHANGE_NAMES,
    key: ['distinct_id'],
    properties: PROFILE_PROPERTIES,
    isSelective: true,
  }
}

/** A stream of all profiles. Mixpanel does not report changes, so all are read each time. */
function profileStream(table: StreamTable, formOf: (settings: Settings) => Readonly<Record<string, string>>): Stream {
  const { name } = table
  return {
    name,
    tables: [table],
    replication: 'full-table',
    family: 'app',
    rowCount: {
      request: (settings) => countRequest(formOf(settings)),
      read: (body) => {
        const answer = parseAnswer(body, 'The number of profiles')
        return isObject(answer) ? numberOf(answer.total) : undefined
      },
      perRequest: ({ engagePageSize }) => engagePageSize ?? PAGE_SIZE,
    },
    async *read(context) {
      const form = formOf(context.settings)
      let isFirst = true
      for await (const page of profilePages(context, { what: name, form, triesLarger: true })) {
        const total = isFirst ? totalOf(page) : undefined
        isFirst = false
        if (total !== undefined) context.expect({ table: name, count: total, isReadAgain: true, name: 'profiles' })
        yield { table: name, lines: page.lines }
      }
    },
  }
}

/** The first page of profiles, without their properties, whose total is their number. */
function countRequest(form: Readonly<Record<string, string>>): ApiRequest {
  const small = { output_properties: '["$distinct_id"]', page_size: String(PAGE_SIZE) }
  return { family: 'app', path: PROFILES_PATH, query: {}, form: { ...form, ...small } }
}

/** The profiles of people. */
export const ENGAGE_STREAM: Stream = {
  ...profileStream(profileTable('engage', 'Person the profile belongs to'), ({ engageWhere, engageProperties }) => ({
    ...(engageWhere === undefined ? {} : { where: engageWhere }),
    ...(engageProperties === undefined ? {} : { output_properties: JSON.stringify(engageProperties) }),
  })),
  changesTable: ({ engageHistory }) => (engageHistory ? CHANGES_TABLE : undefined),
}

/**
 * The profiles of groups: a stream and a table, `group_NAME`, for each group key of the settings.
 * `engageWhere` and `engageProperties` apply to people only.
 */
export function groupStreams({ groups }: Pick<Settings, 'groups'>): readonly Stream[] {
  const taken = new Set<string>()
  return Object.entries(groups).map(([key, dataGroupId]) => {
    const name = freeName(groupTableName(key), taken)
    taken.add(foldName(name))
    return profileStream(profileTable(name, `Group the profile belongs to, by ${key}`), () => ({
      data_group_id: dataGroupId,
    }))
  })
}
