import { execFileSync } from 'node:child_process'
import { packagePath } from '../../lib/core/package-root.ts'

const READ = 'import json, sys, yaml; json.dump([yaml.safe_load(text) for text in json.load(sys.stdin)], sys.stdout)'

/** What is in a file of sources. */
export interface SourcesFile {
  readonly sources: readonly { readonly tables: readonly { readonly columns?: unknown }[] }[]
}

/** Reads texts with the YAML package that dbt uses, as `make dbt` has installed it. */
export function readByPython(texts: readonly string[]): readonly SourcesFile[] {
  const json = execFileSync(packagePath('.tmp', 'python', 'python'), ['-c', READ], {
    input: JSON.stringify(texts),
    env: { ...process.env, PYTHONPATH: packagePath('.tmp', 'dbt', 'site') },
    maxBuffer: 1 << 28,
    encoding: 'utf8',
  })
  return JSON.parse(json)
}
