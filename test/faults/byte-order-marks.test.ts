import { expect, it } from 'vitest'
import { dayAt, sliceAt } from './day-events.ts'
import { FaultServer, whole } from './fault-server.ts'
import { Pipeline } from './pipeline.ts'

it('a property whose name begins with a byte order mark keeps its column from run to run, apart from its namesake', async () => {
  const MARKED = '\ufeffx'
  const body = (day: string) =>
    `${JSON.stringify({ event: 'E', properties: { time: Date.parse(day), $insert_id: day, x: `x of ${day}`, [MARKED]: `marked of ${day}` } })}\n`
  await using server = await FaultServer.start(({ day }) => whole(body(day), { framing: 'length', gzip: false }))
  await using pipeline = await Pipeline.create()
  for (const number of [0, 1, 2]) await pipeline.run({ url: server.url, slices: [sliceAt(number)] })
  const { rows } = await pipeline.stored()
  expect(rows.map(({ x, x_2 }) => [x, x_2])).toEqual(
    [0, 1, 2].map(dayAt).map((day) => [`x of ${day}`, `marked of ${day}`]),
  )
  expect(Object.keys(rows[0] ?? {}).filter((name) => /^_?x/.test(name))).toEqual(['x', 'x_2'])
})
