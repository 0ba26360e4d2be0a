import { type RawSettings, settingsFromEnvironment } from '../lib/settings.ts'
import { assertHarmless } from './found-file.ts'
import type { Output } from './output.ts'
import { readSettingsFile, type SettingsFile } from './settings-file.ts'

/** Where settings come from, apart from flags. */
export interface Sources {
  readonly file: SettingsFile | undefined
  /** The settings of the environment, and behind them those of the `.env` beside the file. */
  readonly environment: RawSettings
  /** Throws if the file was found and sets what such a file may not set. */
  readonly assertAllowed: (fileSettings: RawSettings) => void
}

/**
 * Reads the settings file and the environment, and reports which files it has read. `flags`: the
 * settings that are given as flags. `named`: the file; false for none.
 * @throws MixloadError CONFIG_INVALID
 */
export function readSources(named: string | false | undefined, flags: RawSettings, output: Output): Sources {
  const outside = settingsFromEnvironment(process.env)
  const file = named === false ? undefined : readSettingsFile(named, process.env)
  if (file === undefined) return { file, environment: outside, assertAllowed: () => {} }
  output.settingsRead(file.path)
  const { isFound, variablesFile, warnings } = file
  if (variablesFile !== undefined) output.settingsRead(variablesFile.path)
  for (const message of warnings) output.onProgress({ kind: 'warning', message })
  const assertAllowed = (path: string, settings: RawSettings) => {
    if (isFound) assertHarmless(path, settings, { ...outside, ...flags })
  }
  const beside = settingsFromEnvironment(variablesFile?.variables ?? {})
  assertAllowed(variablesFile?.path ?? '', beside)
  // Drivers read variables of their own, such as PGPASSWORD. A found file may not set those.
  if (!isFound) for (const [name, value] of Object.entries(variablesFile?.variables ?? {})) process.env[name] ??= value
  return {
    file,
    environment: { ...beside, ...outside },
    assertAllowed: (settings) => assertAllowed(file.path, settings),
  }
}
