import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { packagePath } from '../../lib/core/package-root.ts'
import type { DbtWarehouse } from './warehouses.ts'

const DBT = packagePath('.tmp', 'dbt', 'dbt')

/** The schema that models are made in. */
export const MODELS = 'analytics'

export interface DbtProject {
  readonly directory: string
  /**
   * Runs `dbt ARGS` and returns its output. Warnings are errors. @throws where it fails, with what
   * it printed.
   */
  dbt(...args: readonly string[]): Promise<string>
}

/** A dbt project with mixload's package, and files of its own by their paths. */
export async function dbtProject(
  directory: string,
  { profile, environment = {} }: Pick<DbtWarehouse, 'profile' | 'environment'>,
  files: Readonly<Record<string, string>> = {},
): Promise<DbtProject> {
  if (!existsSync(DBT)) throw new Error('dbt is not installed: run `make dbt`.')
  await mkdir(join(directory, 'dbt_packages'), { recursive: true })
  // As `dbt deps` would do it.
  await symlink(packagePath('sql', 'dbt'), join(directory, 'dbt_packages', 'mixload'))
  const output = { ...profile, schema: MODELS, threads: 2 }
  const all = {
    'dbt_project.yml': 'name: shop\nprofile: shop\nversion: 1.0.0\nflags:\n  send_anonymous_usage_stats: false\n',
    'profiles.yml': JSON.stringify({ shop: { target: 'here', outputs: { here: output } } }),
    ...files,
  }
  for (const [path, text] of Object.entries(all)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text)
  }
  return {
    directory,
    dbt: (...args) => runDbt(directory, ['--quiet', '--warn-error', '--no-use-colors', ...args], environment),
  }
}

/**
 * Runs dbt in a directory that has its project and profiles. @throws where it fails, with what it
 * printed.
 */
export async function runDbt(
  directory: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  const environment = {
    PATH: process.env.PATH,
    HOME: directory,
    DO_NOT_TRACK: '1',
    DBT_PROFILES_DIR: directory,
    ...more,
  }
  try {
    const { stdout } = await promisify(execFile)(DBT, [...args], {
      cwd: directory,
      env: environment,
      maxBuffer: 1 << 26,
    })
    return stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new Error(`dbt ${args.join(' ')}: ${stdout || stderr || error}`)
  }
}
