import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { packagePath } from '../lib/core/package-root.ts'

/** Runs a program to its end, and fails with what it printed. */
function run(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = process.env): string {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: packagePath(),
    encoding: 'utf8',
    env: environment,
  })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}`)
  return stdout
}

it('installs from its tarball as a command that helps, and whose help loads no database', () => {
  const directory = mkdtempSync(join(tmpdir(), 'mixload-package-'))
  try {
    // The sources are built already; building again would take the other tests their files away for a moment.
    const [packed] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', directory]))
    const files: string[] = packed.files.map(({ path }: { path: string }) => path)
    expect(files).toEqual(
      expect.arrayContaining(['dist/cmd/mixload.js', 'sql/common/export_latest.sql', 'README.md', 'LICENSE']),
    )
    expect(files.filter((path) => /^(test|bench|lib|cmd)\//.test(path))).toEqual([])
    run('npm', [
      'install',
      '--global',
      '--prefix',
      directory,
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      join(directory, packed.filename),
    ])
    const mixload = join(directory, 'bin', 'mixload')
    expect(run(mixload, ['--help'])).toContain('mixload backfill')
    expect(run(mixload, ['--version']).trim()).toBe(packed.version)
    const loaded = spawnSync(mixload, ['--help'], {
      encoding: 'utf8',
      env: { ...process.env, NODE_DEBUG: 'esm,module' },
    })
    expect(loaded.stderr).not.toMatch(/duckdb/)
    expect(loaded.stderr).toMatch(/yargs/)
    expect(run(mixload, ['status', '--destination', `duckdb:${join(directory, 'none.duckdb')}`])).toContain(
      'nothing loaded yet',
    )
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
