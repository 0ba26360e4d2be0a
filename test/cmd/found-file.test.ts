import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { assertHarmless } from '../../cmd/found-file.ts'
import { readSettingsFile } from '../../cmd/settings-file.ts'
import { FaultServer, refusal } from '../faults/fault-server.ts'
import { Workplace } from './run-mixload.ts'

let place: Workplace
let file: string
beforeAll(async () => {
  place = await Workplace.create()
  file = join(place.directory, 'mixload.yaml')
})
afterEach(() => rm(file, { recursive: true, force: true }))
afterAll(() => place[Symbol.asyncDispose]())

const FREE = { MIXPANEL_API_URL: undefined, MIXLOAD_DESTINATION: undefined }

describe('a mixload.yaml in the working directory', () => {
  it.each([
    ['apiUrl: https://elsewhere.example/', 'apiUrl to another machine'],
    ['bigqueryEndpoint: https://elsewhere.example/', 'bigqueryEndpoint to another machine'],
    ['destination: postgres://u@elsewhere.example/d', 'destination to another machine or to a package'],
    ['destination: bigquery://p/d', 'destination to another machine or to a package'],
    ['destination: npm-package:x', 'destination to another machine or to a package'],
    ['allowHttp: true', 'allowHttp at all'],
    ['token: 0123456789', 'token beside the credentials of the environment'],
  ])('that says %s is refused, and the message names the file', async (text, refused) => {
    await writeFile(file, `${text}\n`)
    const { code, stderr } = await place.run(['status'], FREE)
    expect(code).toBe(2)
    expect(stderr).toContain(`${file} was found in the working directory, so it may not set ${refused}. `)
    expect(stderr).not.toContain('elsewhere')
  })

  it('cannot run the code of a package beside it', async () => {
    const directory = join(place.directory, 'node_modules', 'evil')
    await mkdir(directory, { recursive: true })
    const proof = join(place.directory, 'proof')
    await writeFile(join(directory, 'package.json'), '{"name":"evil","type":"module","exports":"./index.js"}')
    await writeFile(
      join(directory, 'index.js'),
      `import fs from 'node:fs'; fs.writeFileSync(${JSON.stringify(proof)}, '')`,
    )
    await writeFile(file, 'destination: npm-package:evil\n')
    expect((await place.run(['status'], FREE)).code).toBe(2)
    expect(existsSync(proof)).toBe(false)
    // With its name, it is the user's own word.
    await place.run(['status', '--config', 'mixload.yaml'], FREE)
    expect(existsSync(proof)).toBe(true)
  })

  it('may say the rest, and whatever a flag or the environment decides; the file that was read is named', async () => {
    await writeFile(file, 'apiUrl: https://elsewhere.example/\ndestination: duckdb:here.duckdb\nschema: other\n')
    const { code, stderr } = await place.run(['status'])
    expect(stderr).toContain(`Settings are read from ${file}.`)
    expect(code).toBe(0)
  })

  it.each(['127.0.0.1', 'localhost', '[::1]'])('may name a server at %s', (host) => {
    const settings = { apiUrl: `http://${host}:8600`, destination: `postgres://u@${host}/d`, token: 'x' }
    expect(() => assertHarmless(file, settings, {})).not.toThrow()
  })

  it('that nobody writes to, is not a file or is huge ends the command at once', async () => {
    execFileSync('mkfifo', [file])
    const piped = await place.run(['status'])
    expect([piped.code, piped.stderr]).toEqual([2, expect.stringContaining('it is not a file')])
    await rm(file)
    await writeFile(file, '')
    await truncate(file, 100_000_000)
    const huge = await place.run(['status'])
    expect([huge.code, huge.stderr]).toEqual([2, expect.stringContaining('it is larger than 256 KiB')])
  })
})

it('a file that is named may be a pipe, and may say everything', async () => {
  const pipe = join(place.directory, 'pipe')
  execFileSync('mkfifo', [pipe])
  const writing = writeFile(pipe, 'destination: npm-package:x\nallowHttp: true\n')
  // In this process the pipe would be read before it is written.
  const { code, stderr } = await place.run(['status', '--config', 'pipe'], FREE)
  await writing
  expect([code, stderr]).toEqual([2, expect.stringContaining('the package x is not installed')])
})

it('without a file there are no settings', () => {
  expect(readSettingsFile(undefined)).toBeUndefined()
})

describe('http to another machine', () => {
  it.each(['status', 'track'])('is refused by %s before anything is sent', async (command) => {
    const { code, stderr } = await place.run([command, ...(command === 'track' ? ['E'] : [])], {
      MIXPANEL_API_URL: 'http://elsewhere.example',
      MIXPANEL_TOKEN: 'abc',
    })
    expect([code, stderr]).toEqual([2, expect.stringContaining('MIXPANEL_API_URL: http:// sends secrets and data')])
  })

  it('is refused for BigQuery, too', async () => {
    for (const flags of [
      ['--bigquery-endpoint', 'http://elsewhere.example'],
      ['--destination', 'bigquery://p/d?endpoint=http%3A%2F%2Felsewhere.example'],
    ]) {
      const { code, stderr } = await place.run(['status', ...flags])
      expect([code, stderr]).toEqual([2, expect.stringContaining(`${flags[0]}: http:// sends`)])
    }
  })

  it('is allowed by --allow-http, the environment or a file that is named', async () => {
    // A proxy answers for the other machine.
    await using proxy = await FaultServer.start(() => refusal('403 Forbidden', '{}'))
    const more = { MIXPANEL_API_URL: 'http://elsewhere.example', HTTP_PROXY: proxy.url }
    await writeFile(join(place.directory, 'named.yaml'), 'allowHttp: true\n')
    for (const [flags, variable] of [
      [['--allow-http'], undefined],
      [[], 'true'],
      [['--config', 'named.yaml'], undefined],
    ] as const) {
      const { stdout } = await place.run(['check', ...flags], { ...more, MIXLOAD_ALLOW_HTTP: variable })
      expect(stdout).toContain('NO  ')
      expect(stdout).not.toContain('http:// sends')
    }
  })
})
