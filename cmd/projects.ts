import { MixloadError } from '../lib/core/errors.ts'
import { isObject } from '../lib/core/json.ts'
import type { RawSettings, Settings } from '../lib/settings.ts'
import type { Command, CommandContext } from './command.ts'
import { type Output, reportFailure, type SummaryRow } from './output.ts'

/** A project of a settings file, with all that the file sets for it. */
export interface NamedProject {
  readonly name: string
  readonly settings: RawSettings
}

/** Settings that every project needs for itself, and that nothing outside the file may set. */
const OF_ONE_PROJECT = ['projectId', 'schema']

/**
 * The projects of a settings file; undefined if it has none. `common`: all else in the file, which
 * holds for each project that does not set it itself. A project's schema is its name. `others`: the
 * settings of flags and environment, which take precedence.
 * @throws MixloadError CONFIG_INVALID if the form is wrong, if two projects share a schema, or if
 *   `others` would give all of them one project or schema.
 */
export function projectsIn(
  projects: unknown,
  common: RawSettings,
  others: RawSettings,
): readonly NamedProject[] | undefined {
  if (projects === undefined || projects === null) return undefined
  if (!isObject(projects) || Object.keys(projects).length === 0) {
    throw invalid('must have settings by project name, such as shop: {projectId: 123}.')
  }
  const shared = OF_ONE_PROJECT.find((name) => others[name] !== undefined)
  if (shared !== undefined) {
    throw invalid(
      `are several, so a flag or the environment may not set ${shared}. Set it for each project in the file.`,
    )
  }
  const named = Object.entries(projects).map(([name, own]): NamedProject => {
    if (!isObject(own)) throw invalid(`must have settings for ${name}, such as {projectId: 123}.`)
    return { name, settings: { ...common, schema: name, ...own } }
  })
  const places = named.map(({ settings }) => JSON.stringify([settings.destination ?? null, settings.schema]))
  const twice = named.find((_, at) => places.indexOf(places[at] ?? '') !== at)
  if (twice !== undefined) {
    throw invalid(`${twice.name} has the schema of another project: a schema holds one project.`)
  }
  return named
}

/**
 * The projects that `--project` names, separated by commas; all of them where it is left out.
 * @throws MixloadError CONFIG_INVALID if there is none of such a name.
 */
export function chosenProjects(projects: readonly NamedProject[], names: string | undefined): readonly NamedProject[] {
  if (names === undefined) return projects
  return names.split(',').map((name) => {
    const found = projects.find((project) => project.name === name.trim())
    if (found !== undefined) return found
    const known = projects.map((project) => project.name).join(', ')
    throw new MixloadError(
      'CONFIG_INVALID',
      `--project ${name}: the settings file has no such project. It has: ${known}.`,
    )
  })
}

/** What ends a run of several projects: of their exit codes, the worst. */
export function worstExitCode(codes: readonly number[]): number {
  return [130, 1, 2, 4, 3].find((code) => codes.includes(code)) ?? 0
}

/** A project to run a command for. Without a name it is the only one. */
export interface ProjectRun {
  readonly name: string | undefined
  readonly settings: Settings
}

/**
 * Runs a command for one project after the other. One that fails does not stop the others. The
 * summaries of all runs are printed as one table at the end. Returns the worst exit code.
 * @throws MixloadError CONFIG_INVALID if the command is about one project and there are several;
 *   what the command throws if there is only one project.
 */
export async function runForEach(
  command: Command,
  projects: readonly ProjectRun[],
  context: Omit<CommandContext, 'settings'>,
  outputOf: (project: string) => Output,
): Promise<number> {
  if (command.oneProject && projects.length > 1) {
    const names = projects.map(({ name }) => name).join(', ')
    throw new MixloadError(
      'CONFIG_INVALID',
      `The settings file has several projects: ${names}. Name one with --project.`,
    )
  }
  const codes: number[] = []
  const rows: SummaryRow[] = []
  let headings: readonly string[] = []
  for (const { name, settings } of projects) {
    if (name === undefined) return command.run({ ...context, settings })
    const output: Output = {
      ...outputOf(name),
      summary(columns, summaryRows) {
        headings = ['project', ...columns]
        rows.push(...summaryRows.map((row) => [name, ...row]))
      },
    }
    output.print(`── ${name}`)
    try {
      codes.push(await command.run({ ...context, settings, output }))
    } catch (error) {
      codes.push(reportFailure(error, output, context.signal))
    }
    output.end()
    if (context.signal.aborted) break
  }
  context.output.summary(headings, rows)
  return worstExitCode(codes)
}

function invalid(problem: string): MixloadError {
  return new MixloadError('CONFIG_INVALID', `mixload.yaml: projects ${problem}`)
}
