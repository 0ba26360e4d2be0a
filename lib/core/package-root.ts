import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The path of a file of this package, whether the code runs from the sources or from `dist/`. */
export function packagePath(...parts: readonly string[]): string {
  const here = dirname(fileURLToPath(import.meta.url))
  for (let directory = here, parent = dirname(here); ; directory = parent, parent = dirname(parent)) {
    if (existsSync(join(directory, 'package.json'))) return join(directory, ...parts)
    if (directory === parent) throw new Error(`${here} is not inside a package: there is no package.json above it.`)
  }
}
