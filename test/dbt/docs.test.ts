import { execFile } from 'node:child_process'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { packagePath } from '../../lib/core/package-root.ts'
import { eventsOf, Workplace } from '../cmd/run-mixload.ts'

/** Every command of a section of docs/dbt.md, in order. */
async function commandsOf(heading: string): Promise<string> {
  const text = await readFile(packagePath('docs', 'dbt.md'), 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
  if (blocks.length === 0) throw new Error(`docs/dbt.md has no commands under ${heading}.`)
  return blocks.join('\n')
}

it('docs/dbt.md, word for word, leads from a backfill to the query of a dashboard, and through the next night', {
  timeout: 600_000,
}, async () => {
  await using place = await Workplace.create()
  await place.simulator.ingest([...eventsOf('2026-08-01', 30, { plan: 'pro' }), ...eventsOf('2026-08-31', 9)])
  const programs = join(place.directory, 'programs')
  await mkdir(programs)
  await symlink(packagePath('.tmp', 'dbt', 'dbt'), join(programs, 'dbt'))
  const mixload = `#!/bin/sh\nexec '${process.execPath}' '${packagePath('dist', 'cmd', 'mixload.js')}' "$@"\n`
  await writeFile(join(programs, 'mixload'), mixload, { mode: 0o755 })
  const script = [await commandsOf('From nothing to a dashboard'), await commandsOf('Every night')].join('\n')
  const { stdout } = await promisify(execFile)('bash', ['-e', '-c', script], {
    cwd: place.directory,
    env: place.environment({
      PATH: `${programs}:${process.env.PATH}`,
      MIXLOAD_DESTINATION: undefined,
      MIXLOAD_STREAMS: undefined,
      DO_NOT_TRACK: '1',
    }),
    maxBuffer: 1 << 26,
  })
  expect(stdout).toContain('models/mixpanel/sources.yml: added')
  // Ten orders of 30 events, of 0, 0.75, 1.5 … each.
  expect(stdout).toMatch(/\| *2026-08-01 *\| *7 *\| *7 *\| *10 *\| *33\.75 *\|/)
  expect(stdout).toMatch(/\| *2026-08-31 *\| *7 *\| *0 *\| *3 *\| *2\.25 *\|/)
  expect(stdout).not.toMatch(/\bERROR=[1-9]|WARN=[1-9]/)
})
