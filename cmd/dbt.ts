import { existsSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { foundTables, sourceFor } from '../lib/dbt/found-tables.ts'
import { mergedFile } from '../lib/dbt/sources-file.ts'
import { MixloadError } from '../lib/errors.ts'
import { makeDirectory } from '../lib/make-directory.ts'
import { packagePath } from '../lib/package-root.ts'
import type { Command } from './command.ts'
import { openWarehouse } from './session.ts'

const DEFAULT_FILE = 'models/mixpanel/sources.yml'

/** `mixload dbt`: describes the tables for dbt, as they are now. Run again, it adds what is new. */
export const command: Command = {
  settings: ['destination', 'schema', 'bigqueryEndpoint', 'memoryLimit', 'spoolDir'],
  options: {
    file: {
      type: 'string',
      requiresArg: true,
      describe: 'File to write, or to add to',
      defaultDescription: DEFAULT_FILE,
    },
    'package-directory': { type: 'boolean', describe: 'Only print where the package of models is, for packages.yml' },
    source: { type: 'string', requiresArg: true, describe: 'Name of the source', default: 'mixpanel' },
  },
  async run({ settings, flags, output, signal }) {
    const models = packagePath('sql', 'dbt')
    if (flags['package-directory'] === true) {
      output.print(models)
      output.json({ package: models })
      return 0
    }
    const file = (flags.file as string | undefined) ?? DEFAULT_FILE
    if (flags.file === undefined && !existsSync('dbt_project.yml')) {
      throw new MixloadError(
        'CONFIG_INVALID',
        'There is no dbt_project.yml here. Run mixload dbt in the directory of your dbt project, or say where to write: --file PATH.',
      )
    }
    await using warehouse = await openWarehouse(settings, output.tell, signal)
    const { destination } = warehouse
    await destination.openToRead(signal)
    const tables = await foundTables(destination, settings, signal)
    if (tables.length === 0) {
      throw new MixloadError(
        'CONFIG_INVALID',
        `${destination.description} has no tables yet. Run mixload backfill first.`,
      )
    }
    const before = existsSync(file) ? await readFile(file, 'utf8') : undefined
    const { text, added } = mergedFile(before, sourceFor(destination, settings, String(flags.source), tables), file)
    if (text !== before) await write(file, text)
    output.print(added.length === 0 ? `${file}: nothing new` : `${file}: added ${added.join(', ')}`)
    output.json({ file, added, package: models })
    return 0
  },
}

async function write(file: string, text: string): Promise<void> {
  await makeDirectory(dirname(file))
  const unfinished = join(dirname(file), `.${process.pid}.unfinished`)
  await writeFile(unfinished, text)
  await rename(unfinished, file)
}
