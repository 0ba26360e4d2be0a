import { existsSync, readFileSync, statSync } from 'node:fs'
import { parseDocument } from 'yaml'
import { MixloadError, messageOf } from '../lib/core/errors.ts'
import type { OnProgress } from '../lib/progress.ts'
import type { RawSettings } from '../lib/settings.ts'

const DEFAULT_FILE = 'mixload.yaml'
const SECRETS = ['serviceAccountSecret', 'apiSecret', 'token']
const HAS_PASSWORD = /:\/\/[^/]*:[^/]*@|[?&](?:ssl)?password=/

function holdsSecret(content: object): boolean {
  const hasPassword = (value: unknown) => typeof value === 'string' && HAS_PASSWORD.test(value)
  return Object.entries(content).some(([name, value]) => SECRETS.includes(name) || hasPassword(value))
}

/** What a file says, without a word of it in messages: what is wrong may be a secret. */
function yamlOf(file: string): unknown {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new MixloadError('CONFIG_INVALID', `Cannot read settings from ${file}: ${messageOf(error)}`, { cause: error })
  }
  const document = parseDocument(text, { prettyErrors: false, logLevel: 'error' })
  const [wrong] = document.errors
  if (wrong !== undefined) {
    const line = text.slice(0, wrong.pos[0]).split('\n').length
    throw new MixloadError('CONFIG_INVALID', `${file} is not valid YAML: ${wrong.code} at line ${line}.`)
  }
  try {
    return document.toJS()
  } catch {
    throw new MixloadError('CONFIG_INVALID', `${file}: put a value that begins with * in quotes.`)
  }
}

/**
 * The settings in a YAML file; none when no file is named and there is no mixload.yaml here.
 * @throws MixloadError CONFIG_INVALID if the file does not exist or is not a YAML mapping.
 */
export function readSettingsFile(path: string | undefined, onProgress: OnProgress): RawSettings {
  const file = path ?? DEFAULT_FILE
  if (path === undefined && !existsSync(file)) return {}
  const content = yamlOf(file)
  if (content === null || content === undefined) return {}
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new MixloadError('CONFIG_INVALID', `${file} must hold settings by name, such as projectId: 123.`)
  }
  const others = statSync(file).mode & 0o044
  if (others !== 0 && holdsSecret(content)) {
    onProgress({ kind: 'warning', message: `${file} holds a secret and others may read it. Run: chmod 600 ${file}` })
  }
  return content as RawSettings
}
