import { cp, mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDriver } from '../../destinations/third-party/index.ts'
import { packagePath } from '../../lib/core/package-root.ts'
import type { CreateDriver } from '../../lib/destination/contract.ts'
import type { DestinationHarness } from '../conformance/harness.ts'
import { runDestinationConformance } from '../conformance/suite.ts'
import { installMixload } from './install-mixload.ts'

const EXAMPLE = packagePath('examples', 'destination')
const FILES = ['package.json', 'index.js', 'harness.js', 'index.test.js']

describe('the example of a destination', () => {
  let directory: string
  beforeAll(async () => {
    directory = await realpath(await mkdtemp(join(tmpdir(), 'mixload-test-')))
    await installMixload(directory)
    for (const file of FILES) await cp(join(EXAMPLE, file), join(directory, 'node_modules', 'mixload-files', file))
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  it.each(FILES.slice(1))('is in the documentation as it stands: %s', async (file) => {
    const page = await readFile(packagePath('docs', 'writing-a-destination.md'), 'utf8')
    expect(page).toContain(`\`\`\`js\n// ${file}\n${await readFile(join(EXAMPLE, file), 'utf8')}\`\`\`\n`)
  })

  // As a package that is installed, named by its URL, with a copy of mixload of its own.
  runDestinationConformance({
    name: 'of the example',
    queriesViews: false,
    async create() {
      const path = join(directory, 'node_modules', 'mixload-files', 'harness.js')
      const { harnessOf } = (await import(pathToFileURL(path).href)) as {
        readonly harnessOf: (create: CreateDriver) => DestinationHarness
      }
      return harnessOf((options) => createDriver(options, directory)).create()
    },
  })
})
