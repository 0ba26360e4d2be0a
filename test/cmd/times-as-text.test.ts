import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Workplace } from './run-mixload.ts'

const MOMENT = Date.parse('2024-01-09T07:10:17.602Z')

/** JSON texts of `time`, and the moment of each; null for none. */
const TIMES: readonly (readonly [json: string, moment: number | null])[] = [
  [String(MOMENT), MOMENT],
  [String(MOMENT / 1000), MOMENT],
  [`"${MOMENT}"`, MOMENT],
  [`"${MOMENT / 1000}"`, MOMENT],
  [`" ${MOMENT} "`, MOMENT],
  ['"1.704784217602e9"', MOMENT],
  ['"2024-01-09T07:10:17.602"', MOMENT],
  ['"2024-01-09 07:10:17.602Z"', MOMENT],
  ['"2024-01-09T08:10:17.602+01:00"', MOMENT],
  ['"2024-01-09"', Date.parse('2024-01-09T00:00:00Z')],
  ['"1970-01-02"', 86_400_000],
  ...['"Tue Jan 09 2024"', 'true', '[1]', '{"a":1}', '""', '"NaN"', '"null"', 'null', '"0x10"'].map(
    (json) => [json, null] as const,
  ),
  ['1704784217602123456', null],
]

it('the count of events without a usable time is that of rows whose time is null', async () => {
  await using place = await Workplace.create()
  const lines = TIMES.map(([json], at) => `{"event":"E","properties":{"time":${json},"$insert_id":"${100 + at}"}}\n`)
  const file = join(place.directory, 'times.ndjson')
  await writeFile(file, lines.join(''))
  const ran = await place.run(['load', file, '--json'])
  expect(ran.code).toBe(0)
  const rows = await place.query('SELECT epoch_ms(time) AS ms FROM export ORDER BY mp_insert_id')
  expect(rows.map(({ ms }) => (ms === null ? null : Number(ms)))).toEqual(TIMES.map(([, moment]) => moment))
  expect(JSON.parse(ran.stdout)).toMatchObject({ undated: TIMES.filter(([, moment]) => moment === null).length })
})
