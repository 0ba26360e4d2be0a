import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeDirectory } from '../lib/core/directories.ts'
import { MixloadError } from '../lib/core/errors.ts'
import { packagePath } from '../lib/core/package-root.ts'
import { replaceFile } from '../lib/core/replace-file.ts'
import { foundTables, sourceFor } from '../lib/dbt/found-tables.ts'
import { mergedFile } from '../lib/dbt/sources-file.ts'
import { knownVariables, type Variables, withVariables } from '../lib/dbt/variables.ts'
import { readLexicon } from '../lib/run/read-lexicon.ts'
import { openWarehouse } from '../lib/run/session.ts'
import { type Command, type CommandContext, textFlag } from './command.ts'
import { LEXICON_SETTINGS, WAREHOUSE_SETTINGS } from './load-settings.ts'
import { sessionOf } from './session.ts'

const DEFAULT_FILE = 'models/mixpanel/sources.yml'
const PROJECT_FILE = 'dbt_project.yml'

/** `mixload dbt`: describes the tables for dbt, as they are now. Run again, it adds what is new. */
export const command: Command = {
  oneProject: true,
  settings: [...WAREHOUSE_SETTINGS, ...LEXICON_SETTINGS, 'timezone', 'idMerge'],
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
    if (flags.file === undefined && !existsSync(PROJECT_FILE)) {
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
    const variables = await knownVariables(destination, settings, signal)
    for (const [name, value] of Object.entries(variables)) output.print(`${name}: ${value}`)
    if (existsSync(PROJECT_FILE)) await writeVariables(variables, output)
    output.json({ file, added, described, variables, package: models })
    return 0
  },
}

/**
 * Adds the variables of the package to dbt_project.yml. A wrong time zone counts other days than
 * Mixpanel without an error, so a difference is reported.
 */
async function writeVariables(variables: Variables, { print, onProgress }: CommandContext['output']): Promise<void> {
  const { text, added, different } = withVariables(await readFile(PROJECT_FILE, 'utf8'), variables, PROJECT_FILE)
  if (added.length > 0) {
    await replaceFile(PROJECT_FILE, text)
    print(`${PROJECT_FILE}: added ${added.join(', ')}. If models were built before, run dbt build --full-refresh`)
  }
  for (const { name, value, known } of different) {
    const message = `${PROJECT_FILE} sets ${name} to ${value}, but the project has ${known}. Correct the variable, or the setting, and run dbt build --full-refresh.`
    onProgress({ kind: 'warning', message })
  }
}

const named = (what: string, names: readonly string[]) => (names.length === 0 ? [] : [`${what} ${names.join(', ')}`])
