import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { packagePath } from '../../lib/core/package-root.ts'
import { Sending, TOKEN } from './sending.ts'

const execute = promisify(execFile)

let sending: Sending
let environment: NodeJS.ProcessEnv

async function blocks(language: string): Promise<readonly string[]> {
  const page = await readFile(packagePath('docs', 'ingestion.md'), 'utf8')
  return [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, found, block = '']) =>
    found === language ? [block] : [],
  )
}

beforeEach(async () => {
  sending = await Sending.start()
  const bin = join(sending.directory, 'bin')
  await mkdir(bin)
  const program = packagePath('dist', 'cmd', 'mixload.js')
  await writeFile(join(bin, 'mixload'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`)
  await chmod(join(bin, 'mixload'), 0o755)
  environment = {
    PATH: `${bin}:${process.env.PATH}`,
    HOME: sending.directory,
    MIXPANEL_API_URL: sending.simulator.url,
    MIXLOAD_STATE_DIR: join(sending.directory, 'state'),
  }
})
afterEach(() => sending[Symbol.asyncDispose]())

describe('the examples of docs/ingestion.md', () => {
  it('for the command line work', async () => {
    const line = '{"event":"Order","properties":{"time":1767225600,"distinct_id":"ann","$insert_id":"a1","n":1}}\n'
    await writeFile(join(sending.directory, 'events.ndjson'), line)
    await writeFile(join(sending.directory, 'events.ndjson.gz'), gzipSync(line.replace('"a1"', '"a2"')))
    await writeFile(join(sending.directory, 'orders.csv'), 'event,time,distinct_id,amount\nOrder,2026-01-01,ann,2\n')
    const [settings = '', commands = '', imports = '', query = ''] = await blocks('sh')
    const own = settings.replace(/MIXPANEL_TOKEN=\w+/, `MIXPANEL_TOKEN=${TOKEN}`)
    expect(own).toContain(TOKEN)
    const shell = (script: string) =>
      execute('bash', ['-euo', 'pipefail', '-c', `${own}\n${script}`], { cwd: sending.directory, env: environment })
    await shell(commands)
    const { simulator } = sending
    expect(simulator.profiles.get('13793')).toMatchObject({ Address: '1313 Mockingbird Lane', tags: ['a', 'b'] })
    expect(simulator.profiles.get('13793')).not.toHaveProperty('coins')
    expect(simulator.groupProfiles('company').get('acme')).toEqual({ seats: 3 })
    await shell(imports)
    const names = (await sending.stored()).map(({ event }) => event).sort()
    expect(names).toEqual(['$create_alias', 'Level Complete', 'Order', 'Order', 'Order', 'Signed up'])
    expect(query).toContain('mixload import --query')
  })

  it('in TypeScript work, and close their clients', async () => {
    const [first = '', second = ''] = await blocks('ts')
    await mkdir(join(sending.directory, 'node_modules'))
    await symlink(packagePath(), join(sending.directory, 'node_modules', 'mixload'))
    await writeFile(join(sending.directory, 'package.json'), '{"type":"module"}')
    const run = async (name: string, program: string) => {
      const path = join(sending.directory, name)
      await writeFile(path, program.replaceAll(/region: '\w+'/g, `apiUrl: '${sending.simulator.url}'`))
      return execute(process.execPath, [path], { env: { ...environment, MIXPANEL_TOKEN: TOKEN } })
    }
    expect((await run('first.ts', first)).stdout).toBe('1 []\n')
    const { profiles } = sending.simulator
    expect(profiles.get('13793')).toMatchObject({ Birthday: '1948-01-01', coins: 13, tags: ['new'] })
    expect((await sending.stored()).map(({ event }) => event).sort()).toEqual([
      '$create_alias',
      'Level Complete',
      'Order',
      'Signed up',
    ])
    expect(await run('second.ts', second)).toMatchObject({ stdout: '', stderr: '' })
    expect(await sending.stored()).toHaveLength(5)
  })
})
