import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The path of a file of the package, whether this runs from the sources or from what was built of them. */
export function packagePath(...parts: readonly string[]): string {
  const here = dirname(fileURLToPath(import.meta.url))
  for (let directory = here, parent = dirname(here); ; directory = parent, parent = dirname(parent)) {
    if (existsSync(join(directory, 'package.json'))) return join(directory, ...parts)
    if (directory === parent) throw new Error(`${here} lies in no package: mixload's package.json is missing above it.`)
  }
}
