import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeDirectory } from '../lib/core/directories.ts'
import { isFailure, MixloadError, messageOf } from '../lib/core/errors.ts'
import { packagePath } from '../lib/core/package-root.ts'
import { replaceFile } from '../lib/core/replace-file.ts'
import { foundTables, sourceFor } from '../lib/dbt/found-tables.ts'
import { askLexicon, type Lexicon } from '../lib/dbt/lexicon.ts'
import { mergedFile } from '../lib/dbt/sources-file.ts'
import { mixpanelClient, openWarehouse } from '../lib/run/session.ts'
import { type Command, type CommandContext, textFlag } from './command.ts'
import { WAREHOUSE_SETTINGS } from './load-settings.ts'
import { sessionOf } from './session.ts'

const DEFAULT_FILE = 'models/mixpanel/sources.yml'

/** `mixload dbt`: describes the tables for dbt, as they are now. Run again, it adds what is new. */
export const command: Command = {
  oneProject: true,
  settings: [...WAREHOUSE_SETTINGS, 'region', 'apiUrl', 'projectId', 'idleTimeout', 'firstByteTimeout'],
  options: {
    file: textFlag('File to write, or to add to', { defaultDescription: DEFAULT_FILE }),
    lexicon: {
      type: 'boolean',
      describe: "Take descriptions of properties from Mixpanel's Lexicon, with one request",
      default: false,
    },
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
    const lexicon = flags.lexicon === true ? await readLexicon(context) : undefined
    await using warehouse = await openWarehouse(sessionOf(context), 'read')
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

/** The project's Lexicon; undefined, with a warning, if it cannot be read. @throws MixloadError */
async function readLexicon({ settings, output: { onProgress }, signal }: CommandContext): Promise<Lexicon | undefined> {
  if (settings.projectId === undefined || settings.serviceAccount === undefined) {
    throw new MixloadError(
      'CONFIG_INVALID',
      '--lexicon asks Mixpanel, and needs a service account: set MIXPANEL_SERVICE_ACCOUNT, MIXPANEL_SERVICE_ACCOUNT_SECRET and MIXPANEL_PROJECT_ID.',
    )
  }
  await using client = mixpanelClient({ settings, onProgress })
  try {
    return await askLexicon(client, settings.projectId, onProgress, signal)
  } catch (error) {
    if (!(error instanceof MixloadError) || isFailure(error, 'CREDENTIALS_REFUSED')) throw error
    onProgress({ kind: 'warning', message: `The Lexicon is left out: ${messageOf(error)}` })
    return undefined
  }
}
