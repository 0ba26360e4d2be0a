import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { projectsIn, worstExitCode } from '../../cmd/projects.ts'
import { startSimulator } from '../../lib/simulator/index.ts'
import { ACCOUNT, eventsOf, Workplace } from './run-mixload.ts'

const DAY = '2026-08-03'
const SPAN = ['--from', DAY, '--to', DAY]
/** What the file has for each project must not come from outside. */
const ENVIRONMENT = { MIXPANEL_PROJECT_ID: undefined, MIXPANEL_API_URL: undefined }

/** Two projects, on two simulators, and a settings file with both. */
async function twoProjects() {
  const place = await Workplace.create()
  const second = await startSimulator({ projectId: '2000', serviceAccount: ACCOUNT, requestsPerHour: 0 })
  await place.simulator.ingest(eventsOf(DAY, 3))
  await second.ingest(eventsOf(DAY, 5))
  const file = (shop: string) =>
    writeFile(
      join(place.directory, 'mixload.yaml'),
      `timezone: UTC\nprojects:\n  shop: {projectId: ${shop}, apiUrl: "${place.simulator.url}", schema: mixpanel}\n` +
        `  app: {projectId: 2000, apiUrl: "${second.url}"}\n`,
    )
  await file('1000')
  return {
    place,
    file,
    run: (...args: readonly string[]) => place.run(args, ENVIRONMENT),
    async [Symbol.asyncDispose]() {
      await second.close()
      await place[Symbol.asyncDispose]()
    },
  }
}

describe('several projects in one settings file', () => {
  it('are loaded one after the other, each into its own schema, with one summary', async () => {
    await using two = await twoProjects()
    const ran = await two.run('backfill', ...SPAN)
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
    expect(ran.stdout.match(/project +stream/g)).toHaveLength(1)
    expect(ran.stdout).toMatch(/shop +export.*\n.*app +export/)
    const rows = await two.place.query(
      'SELECT (SELECT count(*) FROM mixpanel.export) AS a, (SELECT count(*) FROM app.export) AS b',
    )
    expect(rows).toEqual([{ a: 3n, b: 5n }])
    const json = await two.run('status', '--json')
    const lines = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toMatchObject([
      { project: 'shop', project_id: '1000' },
      { project: 'app', project_id: '2000' },
    ])
  })

  it('do not stop one another, and the worst exit code counts', async () => {
    await using two = await twoProjects()
    await two.file('4')
    const ran = await two.run('backfill', ...SPAN)
    expect(ran.code).not.toBe(0)
    expect(ran.stderr).toMatch(/"project":"shop".*"failed"/)
    expect(await two.place.query('SELECT count(*) AS n FROM app.export')).toEqual([{ n: 5n }])
  })

  it('can be chosen, and must be for a command about one of them', async () => {
    await using two = await twoProjects()
    expect(await two.run('backfill', '--project', 'app', ...SPAN)).toMatchObject({ code: 0 })
    expect(await two.run('track', 'X', '--distinct-id', 'ann')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('several projects: shop, app. Name one with --project.'),
    })
    expect(await two.run('sync', '--project', 'web')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('It has: shop, app.'),
    })
  })

  it.each([
    [{ a: { projectId: 1, schema: 's' }, b: { projectId: 2, schema: 's' } }, {}, 'b has the schema of another project'],
    [{ a: { projectId: 1 } }, { projectId: '7' }, 'may not set projectId'],
    [{ a: { projectId: 1 } }, { schema: 'x' }, 'may not set schema'],
    [['a'], {}, 'must have settings by project name'],
    [{ a: 7 }, {}, 'must have settings for a'],
  ])('are refused if they are %j beside %j', (projects, others, message) => {
    expect(() => projectsIn(projects, {}, others)).toThrow(message)
  })

  it('get what the rest of the file sets', () => {
    const projects = projectsIn(
      { shop: { projectId: 1 }, app: { region: 'eu' } },
      { region: 'in', write: 'replace' },
      {},
    )
    expect(projects).toEqual([
      { name: 'shop', settings: { region: 'in', write: 'replace', schema: 'shop', projectId: 1 } },
      { name: 'app', settings: { region: 'eu', write: 'replace', schema: 'app' } },
    ])
    expect(projectsIn(undefined, {}, {})).toBeUndefined()
  })
})

it('the worst of exit codes is the one that needs attention first', () => {
  expect(
    [
      [0, 0],
      [0, 3],
      [3, 4],
      [4, 2],
      [2, 1, 3],
      [1, 130],
    ].map(worstExitCode),
  ).toEqual([0, 3, 4, 2, 1, 130])
})
