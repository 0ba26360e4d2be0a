import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { packagePath } from '../lib/core/package-root.ts'
import { type Simulator, startSimulator } from '../lib/simulator/index.ts'

const execute = promisify(execFile)
const DAY = 86_400_000

let simulator: Simulator
let home: string

beforeAll(async () => {
  simulator = await startSimulator({ requestsPerHour: 0, requestsPerSecond: 0 })
  home = await mkdtemp(join(tmpdir(), 'mixload-examples-'))
  await mkdir(join(home, 'bin'))
  // A `mixload` as an installation would put it, and as far in the past as the examples' first day
  // is long ago.
  const program = packagePath('dist', 'cmd', 'mixload.js')
  await writeFile(join(home, 'bin', 'mixload'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`)
  await chmod(join(home, 'bin', 'mixload'), 0o755)
})
afterAll(async () => {
  await simulator.close()
  await rm(home, { recursive: true, force: true })
})

/** A directory with settings of its own and two days of events to sync. */
async function place(name: string) {
  const directory = join(home, name)
  await mkdir(directory)
  const yesterday = Date.now() - DAY
  const events = [0, 1, 2].map((index) => ({
    event: 'Seen',
    properties: {
      distinct_id: `p${index}`,
      time: Math.floor(yesterday / 1000) - index * 60,
      $insert_id: `${name}${index}`,
    },
  }))
  await simulator.ingest(events)
  const { serviceAccount, projectId } = simulator.credentials
  const settings = {
    destination: `duckdb:${join(directory, 'warehouse.duckdb')}`,
    projectId,
    apiUrl: simulator.url,
    serviceAccount: serviceAccount.user,
    serviceAccountSecret: serviceAccount.secret,
    stateDir: join(directory, 'state'),
    streams: ['export'],
    requestsPerHour: 0,
    requestsPerSecond: 0,
    sliceDays: 400,
  }
  const config = join(directory, 'mixload.yaml')
  await writeFile(config, JSON.stringify(settings), { mode: 0o600 })
  return {
    directory,
    config,
    environment: {
      PATH: `${join(home, 'bin')}:${process.env.PATH}`,
      HOME: directory,
      MIXPANEL_SERVICE_ACCOUNT: serviceAccount.user,
      MIXPANEL_SERVICE_ACCOUNT_SECRET: serviceAccount.secret,
      MIXPANEL_PROJECT_ID: projectId,
      MIXPANEL_API_URL: simulator.url,
      MIXLOAD_STREAMS: 'export',
      MIXLOAD_REQUESTS_PER_HOUR: '0',
      MIXLOAD_REQUESTS_PER_SECOND: '0',
      MIXLOAD_STATE_DIR: join(directory, 'state'),
      MIXLOAD_DESTINATION: settings.destination,
      MIXLOAD_CONFIG: config,
    },
  }
}

type Place = Awaited<ReturnType<typeof place>>

/** Runs a script as a scheduler does. The slices are long, since the examples begin long ago. */
function shell({ directory, environment }: Place, script: string, shellName = 'bash') {
  return execute(shellName, ['-c', script], { cwd: directory, env: environment })
}

async function loads({ environment, directory }: Place): Promise<{ rows_loaded: number; last_whole_day: string }> {
  const { stdout } = await execute('mixload', ['status', '--json'], { cwd: directory, env: environment })
  return JSON.parse(stdout.trim().split('\n')[0] ?? '')
}

const example = (name: string) => readFile(packagePath('docs', 'examples', name), 'utf8')

describe('the examples', () => {
  it('crontab: the line runs in the environment that cron provides', async () => {
    const workplace = await place('cron')
    const text = await example('crontab')
    const line = text.split('\n').findLast((each) => each.startsWith('30 4')) ?? ''
    const command = line.split(' ').slice(5).join(' ')
    // Cron knows HOME, and the variables of the table itself.
    const bare = { ...workplace, environment: { HOME: workplace.directory, PATH: workplace.environment.PATH } as never }
    const { stdout } = await shell(bare, command, 'sh')
    expect(stdout).toBe('')
    expect(await readFile(join(workplace.directory, 'mixload.out'), 'utf8')).toContain('export')
    expect((await loads(workplace)).rows_loaded).toBeGreaterThanOrEqual(3)
    expect(await readFile(packagePath('docs', 'scheduling.md'), 'utf8')).toContain(line)
  })

  it('github-actions.yml: the step that syncs runs, and shows 3 as a warning', async () => {
    const workplace = await place('actions')
    const workflow = parse(await example('github-actions.yml'))
    const steps: { run?: string }[] = workflow.jobs.sync.steps
    const script = steps.at(-1)?.run ?? ''
    await shell(workplace, `set -e\n${script}`)
    expect((await loads(workplace)).rows_loaded).toBeGreaterThanOrEqual(3)
    expect(Object.keys(workflow.jobs.sync.env)).toContain('MIXLOAD_DESTINATION')
    const withFunction = (code: number) => `set -e\nmixload() { return ${code}; }\n${script}`
    expect((await shell(workplace, withFunction(3))).stdout).toContain('::warning::')
    await expect(shell(workplace, withFunction(1))).rejects.toMatchObject({ code: 1 })
  })

  it('airflow.py: the command of its task runs, and only 0 and 3 count as done', async () => {
    const workplace = await place('airflow')
    const script = /SYNC = """\n([\s\S]*?)"""/.exec(await example('airflow.py'))?.[1] ?? ''
    expect(script).toContain('mixload sync')
    await shell(workplace, script)
    expect((await loads(workplace)).rows_loaded).toBeGreaterThanOrEqual(3)
    await shell(workplace, `mixload() { return 3; }\n${script}`)
    await expect(shell(workplace, `mixload() { return 2; }\n${script}`)).rejects.toMatchObject({ code: 2 })
    await execute(packagePath('.tmp', 'bigquery-emulator', 'python'), [
      '-c',
      'import ast, sys; ast.parse(open(sys.argv[1]).read())',
      packagePath('docs', 'examples', 'airflow.py'),
    ])
  })
})
