import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { packagePath } from '../../lib/core/package-root.ts'

const run = promisify(execFile)
const REQUIREMENTS = fileURLToPath(new URL('parquet-requirements.txt', import.meta.url))
const SCRIPT = fileURLToPath(new URL('parquet-pandas.py', import.meta.url))

/**
 * Python with pandas. If .tmp does not have it in these versions, it is installed there, which
 * takes a minute.
 */
async function pythonWithPandas(): Promise<string> {
  const version = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 12)
  const directory = packagePath('.tmp', `python-${version}`)
  const python = join(directory, 'bin', 'python')
  const ready = join(directory, 'ready')
  if (!existsSync(ready)) {
    await rm(directory, { recursive: true, force: true })
    await mkdir(directory, { recursive: true })
    await run('python3', ['-m', 'venv', directory])
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS])
    await writeFile(ready, '')
  }
  return python
}

/** A table as pandas reads it: the types of its columns, and rows as texts. */
export type Frame =
  | {
      readonly types: Readonly<Record<string, string>>
      readonly rows: readonly Readonly<Record<string, string | null>>[]
    }
  | { readonly error: string }

export type Way = 'with days' | 'in short' | 'as a dataset'

/** Reads directories with pandas in each of the ways that are documented. */
export async function readWithPandas(
  ...directories: readonly string[]
): Promise<readonly Readonly<Record<Way, Frame>>[]> {
  const { stdout } = await run(await pythonWithPandas(), [SCRIPT, ...directories], { maxBuffer: 1 << 26 })
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}
