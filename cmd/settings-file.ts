import { existsSync, readFileSync, statSync } from 'node:fs'
import { parse } from 'yaml'
import { MixloadError, messageOf } from '../lib/errors.ts'
import type { Tell } from '../lib/events.ts'
import type { RawSettings } from '../lib/settings.ts'

const DEFAULT_FILE = 'mixload.yaml'
const SECRETS = ['serviceAccountSecret', 'apiSecret', 'token']

/**
 * The settings in a YAML file; none when no file is named and there is no mixload.yaml here.
 * @throws MixloadError CONFIG_INVALID for a file that is not there or is no YAML mapping.
 */
export function readSettingsFile(path: string | undefined, tell: Tell): RawSettings {
  const file = path ?? DEFAULT_FILE
  if (path === undefined && !existsSync(file)) return {}
  let content: unknown
  try {
    content = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new MixloadError('CONFIG_INVALID', `Cannot read settings from ${file}: ${messageOf(error)}`, { cause: error })
  }
  if (content === null || content === undefined) return {}
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new MixloadError('CONFIG_INVALID', `${file} must hold settings by name, such as projectId: 123.`)
  }
  const others = statSync(file).mode & 0o044
  if (others !== 0 && SECRETS.some((name) => name in content)) {
    tell({ kind: 'warning', message: `${file} holds a secret and others may read it. Run: chmod 600 ${file}` })
  }
  return content as RawSettings
}
