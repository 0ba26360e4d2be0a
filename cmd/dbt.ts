import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeDirectory } from '../lib/core/directories.ts'
import { MixloadError } from '../lib/core/errors.ts'
import { packagePath } from '../lib/core/package-root.ts'
import { replaceFile } from '../lib/core/replace-file.ts'
import { foundTables, sourceFor } from '../lib/dbt/found-tables.ts'
import { mergedFile } from '../lib/dbt/sources-file.ts'
import { readLexicon } from '../lib/run/read-lexicon.ts'
import { openWarehouse } from '../lib/run/session.ts'
import { type Command, textFlag } from './command.ts'
import { LEXICON_SETTINGS, WAREHOUSE_SETTINGS } from './load-settings.ts'
import { sessionOf } from './session.ts'

const DEFAULT_FILE = 'models/mixpanel/sources.yml'

/** `mixload dbt`: describes the tables for dbt, as they are now. Run again, it adds what is new. */
export const command: Command = {
  oneProject: true,
  settings: [...WAREHOUSE_SETTINGS, ...LEXICON_SETTINGS],
  options: {
    file: textFlag('File to write, or to add to', { defaultDescription: DEFAULT_FILE }),
    'package-directory': { type: 'boolean', describe: 'Only print where the package of models is, for packages.yml' },
    source: textFlag('Name of the source', { default: 'mixpanel' }),
  },
  async run(context) {
    const { settings, flags, output, signal } = context
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
    const session = sessionOf(context)
    const lexicon = settings.lexicon ? await readLexicon(session) : undefined
    await using warehouse = await openWarehouse(session, 'read')
    const { destination } = warehouse
    const tables = await foundTables(destination, settings, signal, lexicon)
    if (tables.length === 0) {
      const message = `${destination.description} has no tables yet. Run mixload backfill first.`
      throw new MixloadError('CONFIG_INVALID', message)
    }
    const before = existsSync(file) ? await readFile(file, 'utf8') : undefined
    const source = sourceFor(destination, settings, String(flags.source), tables)
    const { text, added, described } = mergedFile(before, source, file)
    if (text !== before) {
      await makeDirectory(dirname(file))
      await replaceFile(file, text)
    }
    const news = [...named('added', added), ...named('described', described)]
    output.print(`${file}: ${news.length === 0 ? 'nothing new' : news.join('; ')}`)
    output.json({ file, added, described, package: models })
    return 0
  },
}

const named = (what: string, names: readonly string[]) => (names.length === 0 ? [] : [`${what} ${names.join(', ')}`])
