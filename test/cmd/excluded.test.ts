import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { eventsOf, Workplace } from './run-mixload.ts'

const DAY = '2026-03-01'
const NOON = Date.parse(`${DAY}T12:00:00Z`)
const EMAIL = 'secret@example.com'

it('an excluded property is neither in rejected lines nor in messages', async () => {
  await using place = await Workplace.create()
  const good = eventsOf(DAY, 3, { $email: EMAIL, plan: 'pro' })
  const lines = [
    ...good.map((event) => JSON.stringify(event)),
    `{"event":5,"properties":{"time":${NOON},"$email":"${EMAIL}","plan":"pro"}}`,
    `{"event":"A","properties":"${EMAIL}"}`,
    `{"$email":"${EMAIL}"`,
    `["${EMAIL}"]`,
    `{"event":"B","properties":{"$email":"${EMAIL}"},"properties":{"plan":"free"}}`,
    `{"event":"C","$email":"${EMAIL}","properties":{"time":${NOON}}}`,
  ]
  const file = join(place.directory, 'events.ndjson')
  await writeFile(file, lines.map((line) => `${line}\n`).join(''))
  const load = ['load', file, '--exclude-properties', '$email']
  const refused = await place.run([...load, '--max-rejects', '0'])
  expect(refused.code).not.toBe(0)
  expect(refused.stdout + refused.stderr).not.toContain(EMAIL)
  const ran = await place.run(load)
  expect(ran).toMatchObject({ code: 3, stdout: expect.stringContaining('4 rows') })
  expect(ran.stdout + ran.stderr).not.toContain(EMAIL)
  const rejects = await place.query('SELECT reason, line FROM _mixload_rejects ORDER BY reason, line')
  expect(rejects.map(({ line }) => line)).toEqual([
    '',
    '',
    '{"event":"B","properties":{"plan":"free"}}',
    `{"event":5,"properties":{"time":${NOON},"plan":"pro"}}`,
    '',
  ])
  for (const { reason, line } of rejects) {
    if (line === '') expect(reason).toMatch(/the line is not kept, because it may have properties that are left out$/)
  }
  expect(JSON.stringify(await place.query('SELECT export::VARCHAR AS row FROM export'))).not.toContain(EMAIL)
})
