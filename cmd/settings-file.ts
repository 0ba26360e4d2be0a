import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs'
import { resolve } from 'node:path'
import { parseDocument } from 'yaml'
import { MixloadError, messageOf } from '../lib/core/errors.ts'
import type { RawSettings } from '../lib/settings.ts'

const DEFAULT_FILE = 'mixload.yaml'
const SECRETS = ['serviceAccountSecret', 'apiSecret', 'token']
const HAS_PASSWORD = /:\/\/[^/]*:[^/]*@|[?&](?:ssl)?password=/

/** Far more than settings need; parsing much more would take minutes. */
const BYTES_MAX = 256 * 1024

/** A settings file that was read. */
export interface SettingsFile {
  /** Its whole path. */
  readonly path: string
  /** Whether it was found in the working directory, not named. */
  readonly isFound: boolean
  readonly settings: RawSettings
  /** What to warn of; undefined if nothing. */
  readonly warning: string | undefined
}

function holdsSecret(content: object): boolean {
  const hasPassword = (value: unknown) => typeof value === 'string' && HAS_PASSWORD.test(value)
  return Object.entries(content).some(([name, value]) => SECRETS.includes(name) || hasPassword(value))
}

/** An integer as a number, or as a text of its digits where a number would lose some. */
function exact(integer: bigint): number | string {
  const number = Number(integer)
  return Number.isSafeInteger(number) ? number : String(integer)
}

/** The text of a file; undefined if it is not there. */
function read(file: string, isFound: boolean): { readonly text: string; readonly stats: Stats } | undefined {
  let descriptor: number | undefined
  try {
    // Opening a pipe that nobody writes to would wait for ever. A named one may be a shell's <(…).
    descriptor = openSync(file, constants.O_RDONLY | (isFound ? (constants.O_NONBLOCK ?? 0) : 0))
    const stats = fstatSync(descriptor)
    if (stats.isDirectory() || (isFound && !stats.isFile())) throw new Error('it is not a file')
    const bytes = Buffer.alloc(BYTES_MAX + 1)
    let length = 0
    for (let count = -1; count !== 0 && length < bytes.length; length += count) {
      count = readSync(descriptor, bytes, length, bytes.length - length, null)
    }
    if (length > BYTES_MAX) throw new Error(`it is larger than ${BYTES_MAX / 1024} KiB, so it does not hold settings`)
    return { text: bytes.toString('utf8', 0, length), stats }
  } catch (error) {
    if (isFound && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new MixloadError('CONFIG_INVALID', `Cannot read settings from ${file}: ${messageOf(error)}`, { cause: error })
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** The content of a YAML file. Messages do not quote it, because it may have a secret. */
function parse(file: string, text: string): unknown {
  const document = parseDocument(text, { prettyErrors: false, logLevel: 'error', intAsBigInt: true })
  const [wrong] = document.errors
  if (wrong !== undefined) {
    const line = text.slice(0, wrong.pos[0]).split('\n').length
    throw new MixloadError('CONFIG_INVALID', `${file} is not valid YAML: ${wrong.code} at line ${line}.`)
  }
  try {
    return document.toJS({ reviver: (_, value: unknown) => (typeof value === 'bigint' ? exact(value) : value) })
  } catch {
    throw new MixloadError('CONFIG_INVALID', `${file}: put a value that begins with * in quotes.`)
  }
}

/**
 * Reads a YAML file of settings; undefined when none is named and there is no mixload.yaml here.
 * @throws MixloadError CONFIG_INVALID if the file does not exist or is not a YAML mapping.
 */
export function readSettingsFile(named: string | undefined): SettingsFile | undefined {
  const file = named ?? DEFAULT_FILE
  const isFound = named === undefined
  const found = read(file, isFound)
  if (found === undefined) return undefined
  const content = parse(file, found.text) ?? {}
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new MixloadError('CONFIG_INVALID', `${file} must hold settings by name, such as projectId: 123.`)
  }
  const isOpen = found.stats.isFile() && (found.stats.mode & 0o044) !== 0 && holdsSecret(content)
  return {
    path: resolve(file),
    isFound,
    settings: content as RawSettings,
    warning: isOpen ? `${file} holds a secret and others may read it. Run: chmod 600 ${file}` : undefined,
  }
}
