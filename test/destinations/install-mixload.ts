import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { packagePath } from '../../lib/core/package-root.ts'

/**
 * Mixload itself, as it is built, for packages that depend on it: a copy other than the one that
 * the tests run.
 */
export async function installMixload(directory: string): Promise<void> {
  await mkdir(join(directory, 'node_modules'), { recursive: true })
  await symlink(packagePath(), join(directory, 'node_modules', 'mixload'), 'dir')
}
