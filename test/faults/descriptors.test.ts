import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { packagePath } from '../../lib/core/package-root.ts'
import { ended, eventsOf, Workplace } from '../cmd/run-mixload.ts'

const COMMAND = 'backfill --timezone UTC --from 2026-03-01 --to 2026-03-01'

it('where too few files may be open, the message says what to raise', async () => {
  await using place = await Workplace.create()
  await place.simulator.ingest(eventsOf('2026-03-01', 3))
  let stderr = ''
  // How many files Node itself opens depends on its version.
  for (let limit = 29; limit > 16 && !stderr.includes('ulimit -n 1024'); limit--) {
    const script = `rm -f warehouse.duckdb; ulimit -n ${limit}; exec "${process.execPath}" "${packagePath('dist', 'cmd', 'mixload.js')}" ${COMMAND}`
    const child = spawn('bash', ['-c', script], { cwd: place.directory, env: place.environment() })
    const end = ended(child)
    child.stderr.on('data', (data) => {
      stderr += data
      // It would try again for minutes.
      if (stderr.includes('"kind":"retry"')) child.kill('SIGKILL')
    })
    await end
  }
  expect(stderr).toContain('the limit on open files is too low: raise it, for example with ulimit -n 1024')
})
