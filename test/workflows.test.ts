import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { packagePath } from '../lib/core/package-root.ts'

interface Step {
  readonly name?: string
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
}

interface Job {
  readonly permissions?: Readonly<Record<string, string>>
  readonly 'timeout-minutes'?: number
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly string[]>> }
  readonly steps: readonly Step[]
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>
  readonly permissions: Readonly<Record<string, string>>
  readonly jobs: Readonly<Record<string, Job>>
}

const GITHUB = packagePath('.github')
const DIRECTORY = join(GITHUB, 'workflows')
const PACKAGE = JSON.parse(readFileSync(packagePath('package.json'), 'utf8'))
const MAKEFILE = readFileSync(packagePath('Makefile'), 'utf8')
const WORKFLOWS = readdirSync(DIRECTORY).map((name) => {
  const text = readFileSync(join(DIRECTORY, name), 'utf8')
  return { name, text, workflow: parse(text) as Workflow }
})
const STEPS = WORKFLOWS.flatMap(({ name, workflow }) =>
  Object.values(workflow.jobs).flatMap(({ steps }) => steps.map((step) => ({ name, step }))),
)

function workflow(name: string): Workflow {
  const found = WORKFLOWS.find((known) => known.name === name)
  if (found === undefined) throw new Error(`no workflow ${name}`)
  return found.workflow
}

describe('the workflows', () => {
  it('run only targets of the Makefile, scripts of the package and variables that they have', () => {
    const commands = STEPS.flatMap(({ step }) => step.run?.split('\n') ?? [])
    const targets = commands.flatMap((line) => [...line.matchAll(/\bmake ([\w-]+)/g)].map(([, target]) => target))
    expect(new Set(targets)).toEqual(new Set(['lint', 'test', 'package']))
    for (const target of targets) expect(MAKEFILE).toMatch(new RegExp(`^${target}:`, 'm'))
    for (const line of commands) {
      for (const [, script = ''] of line.matchAll(/\bnpm run ([\w-]+)/g)) expect(PACKAGE.scripts).toHaveProperty(script)
      for (const [, variable] of line.matchAll(/\bmake .*\b([A-Z]+)=/g)) expect(MAKEFILE).toContain(`ifdef ${variable}`)
      for (const [, file = ''] of line.matchAll(/--file (\S+)/g)) expect(existsSync(packagePath(file))).toBe(true)
    }
    expect(PACKAGE.scripts.test).toBe('make test')
  })

  it('pin every action to a commit, and name its version', () => {
    for (const { text } of WORKFLOWS) {
      const uses = text.split('\n').filter((line) => /\buses:/.test(line))
      for (const line of uses) expect(line).toMatch(/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
    }
  })

  it('use the same commit of an action everywhere', () => {
    const commits = Map.groupBy(
      STEPS.flatMap(({ step }) => step.uses ?? []),
      (uses) => uses.split('@')[0],
    )
    for (const uses of commits.values()) expect(new Set(uses).size).toBe(1)
  })

  it('may read the repository and nothing else, except for the jobs that publish', () => {
    for (const { workflow } of WORKFLOWS) expect(workflow.permissions).toEqual({ contents: 'read' })
    const more = WORKFLOWS.flatMap(({ name, workflow }) =>
      Object.entries(workflow.jobs).flatMap(([job, { permissions }]) =>
        permissions === undefined ? [] : [[name, job, permissions]],
      ),
    )
    expect(more).toEqual([
      ['release.yml', 'npm', { contents: 'read', 'id-token': 'write' }],
      ['release.yml', 'image', { contents: 'read', packages: 'write' }],
    ])
  })

  it('leave no credentials behind in the checkout, end after some time, and put no text from outside into commands', () => {
    for (const { workflow } of WORKFLOWS) {
      for (const job of Object.values(workflow.jobs)) expect(job['timeout-minutes']).toBeGreaterThan(0)
    }
    for (const { step } of STEPS) {
      if (step.uses?.startsWith('actions/checkout@')) expect(step.with).toEqual({ 'persist-credentials': false })
      const inserted = [...(step.run ?? '').matchAll(/\$\{\{\s*(.*?)\s*\}\}/g)].map(([, expression]) => expression)
      for (const expression of inserted) expect(expression).toMatch(/^matrix\./)
    }
  })
})

describe('CI', () => {
  it('runs on the oldest Node that the package supports, and on the one that development uses', () => {
    const [oldest, current] = workflow('ci.yml').jobs.test?.strategy?.matrix.node ?? []
    expect(PACKAGE.engines.node).toBe(`>=${oldest?.replace(/\.0$/, '')}`)
    expect(PACKAGE.devDependencies.node).toMatch(new RegExp(`^\\^${current}\\.`))
  })

  it('runs on pushes to main and on pull requests', () => {
    expect(workflow('ci.yml').on).toEqual({ push: { branches: ['main'] }, pull_request: null })
  })
})

describe('a release', () => {
  it('happens when a version is tagged, and only then', () => {
    expect(workflow('release.yml').on).toEqual({ push: { tags: ['v*.*.*'] } })
  })

  it('stops where the tag is not the version of the package', () => {
    const steps = workflow('release.yml').jobs.pack?.steps ?? []
    const script = steps.find(({ name }) => name?.startsWith('Check that the tag'))?.run ?? ''
    const check = (tag: string) =>
      execFileSync('bash', ['-ec', script], {
        cwd: packagePath(),
        env: { ...process.env, GITHUB_REF_NAME: tag },
        stdio: 'pipe',
      })
    expect(() => check(`v${PACKAGE.version}`)).not.toThrow()
    expect(() => check(`v${PACKAGE.version}0`)).toThrow()
  })

  it('publishes the tarball that was tested, with its provenance, and the image of the repository', () => {
    const { pack, npm, image } = workflow('release.yml').jobs
    const packSteps = pack?.steps.flatMap(({ run }) => run ?? []) ?? []
    expect(packSteps.slice(-2)).toEqual(['make test', 'make package'])
    expect(npm?.steps.at(-1)?.run).toBe('npm publish --provenance --access public ./mixload-*.tgz')
    for (const job of [npm, image]) {
      expect(job?.steps.some(({ uses }) => uses?.startsWith('actions/download-artifact@'))).toBe(true)
    }
    const repository = /github\.com\/(.*)\.git$/.exec(PACKAGE.repository.url)?.[1]
    const build = image?.steps.at(-1)?.with
    expect(build?.tags).toContain(`ghcr.io/${repository}:latest`)
    expect(existsSync(packagePath(String(build?.file)))).toBe(true)
  })
})

describe('the forms for issues', () => {
  const forms = readdirSync(join(GITHUB, 'ISSUE_TEMPLATE')).filter((name) => name !== 'config.yml')

  it('are one for bugs, one for features and one for questions', () => {
    expect(forms.toSorted()).toEqual(['bug.yml', 'feature.yml', 'question.yml'])
  })

  it.each(forms)('%s has what GitHub requires, and asks at least one thing that must be answered', (name) => {
    const form = parse(readFileSync(join(GITHUB, 'ISSUE_TEMPLATE', name), 'utf8'))
    expect(form).toMatchObject({ name: expect.any(String), description: expect.any(String) })
    const ids = form.body.map(({ id }: { id: string }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { type, attributes } of form.body) {
      expect(['textarea', 'input', 'dropdown']).toContain(type)
      expect(attributes.label).toEqual(expect.any(String))
      if (type === 'dropdown') expect(attributes.options.length).toBeGreaterThan(1)
    }
    expect(form.body.some(({ validations }: { validations?: { required: boolean } }) => validations?.required)).toBe(
      true,
    )
  })

  it('send vulnerabilities to where SECURITY.md says', () => {
    const { contact_links: links } = parse(readFileSync(join(GITHUB, 'ISSUE_TEMPLATE', 'config.yml'), 'utf8'))
    expect(readFileSync(packagePath('SECURITY.md'), 'utf8')).toContain(links[0].url)
  })
})
