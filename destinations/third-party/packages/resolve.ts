import { readFileSync } from 'node:fs'
import { createRequire, findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MixloadError, messageOf } from '../../../lib/core/errors.ts'
import { packagePath } from '../../../lib/core/package-root.ts'

/** The conditions under which `import` takes an entry of `exports`. */
const CONDITIONS = ['node', 'import', 'module-sync', 'default']

/**
 * The file that a package, or a path in it such as `@me/lake/mixload`, is loaded from. It may be
 * installed for `directory` or next to mixload.
 * @throws MixloadError CONFIG_INVALID if it is not installed, or has no file to load.
 */
export function resolvePackage(name: string, directory: string): string {
  for (const place of [directory, packagePath()]) {
    const path = resolveFrom(name, join(place, 'package.json'))
    if (path !== undefined) return path
  }
  throw new MixloadError(
    'CONFIG_INVALID',
    `--destination: the package ${packageOf(name)} is not installed. Install it with npm install ${packageOf(name)} in ${directory}.`,
  )
}

/** Undefined if the package is not installed for a file at `from`. */
function resolveFrom(name: string, from: string): string | undefined {
  try {
    return createRequire(from).resolve(name)
  } catch (error) {
    const manifest = manifestOf(name, from)
    if (manifest === undefined) return undefined
    // The package can only be imported, not required.
    const path = importEntry(name, manifest)
    if (path !== undefined) return path
    throw new MixloadError(
      'CONFIG_INVALID',
      `--destination: ${name} is installed in ${dirname(manifest)}, but has no file to load: ${messageOf(error)}`,
      { cause: error },
    )
  }
}

/** The path of the package's package.json; undefined if it is not installed. */
function manifestOf(name: string, from: string): string | undefined {
  try {
    return findPackageJSON(packageOf(name), pathToFileURL(from))
  } catch {
    return undefined
  }
}

function importEntry(name: string, manifest: string): string | undefined {
  const { exports } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly exports?: unknown }
  const path = `.${name.slice(packageOf(name).length)}`
  const isByPath =
    typeof exports === 'object' && exports !== null && Object.keys(exports).some((key) => key.startsWith('.'))
  const entry = isByPath ? (exports as Readonly<Record<string, unknown>>)[path] : path === '.' ? exports : undefined
  const target = conditionalTarget(entry)
  return target === undefined ? undefined : join(dirname(manifest), target)
}

function conditionalTarget(entry: unknown): string | undefined {
  if (typeof entry === 'string') return entry
  if (typeof entry !== 'object' || entry === null) return undefined
  for (const [condition, inner] of Object.entries(entry)) {
    const target = CONDITIONS.includes(condition) ? conditionalTarget(inner) : undefined
    if (target !== undefined) return target
  }
  return undefined
}

function packageOf(name: string): string {
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/')
}
