import { dirname, join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { type Document, isPair, isScalar, parseDocument, visit } from 'yaml'
import { MixloadError } from '../lib/core/errors.ts'
import type { RawSettings } from '../lib/settings.ts'
import { openSecretWarning, readSmallFile } from './small-file.ts'
import { hasVariables, insertVariables, type VariableLookup } from './variables.ts'

/** The settings file of the working directory. */
export const DEFAULT_FILE = 'mixload.yaml'
const SECRETS = ['serviceAccountSecret', 'apiSecret', 'token']

/** What a URL with a password has. */
export const HAS_PASSWORD = /:\/\/[^/]*:[^/]*@|[?&](?:ssl)?password=/

/** Variables by name. */
export type Variables = Readonly<Record<string, string | undefined>>

/** A file of variables beside a settings file. */
export interface VariablesFile {
  /** Its whole path. */
  readonly path: string
  readonly variables: Variables
}

/** A settings file that was read. */
export interface SettingsFile {
  /** Its whole path. */
  readonly path: string
  /** Whether it was found in the working directory, not named. */
  readonly isFound: boolean
  readonly settings: RawSettings
  /** The settings with a variable in them: no message may show their values. */
  readonly inserted: ReadonlySet<string>
  /** The `.env` beside it; undefined if there is none. */
  readonly variablesFile: VariablesFile | undefined
  /** What to warn of. */
  readonly warnings: readonly string[]
}

function holdsSecret(content: object): boolean {
  const isWritten = (value: unknown) => typeof value !== 'string' || !hasVariables(value)
  const hasPassword = (value: unknown) => typeof value === 'string' && HAS_PASSWORD.test(value)
  return Object.entries(content).some(
    ([name, value]) => isWritten(value) && (SECRETS.includes(name) || hasPassword(value)),
  )
}

/** An integer as a number, or as a text of its digits where a number would lose some. */
function exact(integer: bigint): number | string {
  const number = Number(integer)
  return Number.isSafeInteger(number) ? number : String(integer)
}

const lineAt = (text: string, position: number) => text.slice(0, position).split('\n').length

/** A YAML file. Messages do not quote it, because it may have a secret. */
function parse(file: string, text: string): Document.Parsed {
  const document = parseDocument(text, { prettyErrors: false, logLevel: 'error', intAsBigInt: true })
  const [wrong] = document.errors
  if (wrong === undefined) return document
  const line = lineAt(text, wrong.pos[0])
  throw new MixloadError('CONFIG_INVALID', `${file} is not valid YAML: ${wrong.code} at line ${line}.`)
}

function contentOf(file: string, document: Document.Parsed): object {
  let content: unknown
  try {
    content =
      document.toJS({ reviver: (_, value: unknown) => (typeof value === 'bigint' ? exact(value) : value) }) ?? {}
  } catch {
    throw new MixloadError('CONFIG_INVALID', `${file}: put a value that begins with * in quotes.`)
  }
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) return content
  throw new MixloadError('CONFIG_INVALID', `${file} must hold settings by name, such as projectId: 123.`)
}

/** Replaces the variables in all values. Returns the names of the settings that have some. */
function insertInto(document: Document.Parsed, file: string, text: string, lookUp: VariableLookup): Set<string> {
  const inserted = new Set<string>()
  visit(document, {
    Scalar(key, node, path) {
      if (key === 'key' || typeof node.value !== 'string' || !hasVariables(node.value)) return
      const result = insertVariables(node.value, lookUp)
      if ('problem' in result) {
        const line = lineAt(text, node.range?.[0] ?? 0)
        throw new MixloadError('CONFIG_INVALID', `${file}: line ${line} ${result.problem}.`)
      }
      node.value = result.text
      const names = path.flatMap((step) => (isPair(step) && isScalar(step.key) ? [String(step.key.value)] : []))
      inserted.add((names[0] === 'projects' ? names[2] : names[0]) ?? '')
    },
  })
  return inserted
}

/** A found file may not read the environment: it could put secrets where they are seen. */
function lookUpIn(file: string, isFound: boolean, environment: Variables, beside: Variables): VariableLookup {
  return (name) => {
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined
    if (!value) return Object.hasOwn(beside, name) ? beside[name] : undefined
    if (!isFound) return value
    throw new MixloadError(
      'CONFIG_INVALID',
      `${file} was found in the working directory, so it may not use ${name} of the environment. ` +
        `If you trust the file, name it: --config ${DEFAULT_FILE}. Otherwise set ${name} in .env beside it.`,
    )
  }
}

/**
 * Reads a YAML file of settings, and the `.env` beside it; undefined when none is named and there
 * is no mixload.yaml here. `${NAME}` in a value stands for the variable NAME of `environment`, or
 * of `.env`.
 * @throws MixloadError CONFIG_INVALID if the file does not exist or is not a YAML mapping, or if a
 *   variable is not set.
 */
export function readSettingsFile(named: string | undefined, environment: Variables = {}): SettingsFile | undefined {
  const file = named ?? DEFAULT_FILE
  const isFound = named === undefined
  const found = readSmallFile(file, isFound)
  if (found === undefined) return undefined
  const document = parse(file, found.text)
  const isSecret = holdsSecret(contentOf(file, document))
  const path = resolve(file)
  const envPath = join(dirname(path), '.env')
  const beside = readSmallFile(envPath, true)
  const variables = beside === undefined ? {} : (parseEnv(beside.text) as Variables)
  const inserted = insertInto(document, file, found.text, lookUpIn(file, isFound, environment, variables))
  const warnings = [
    isSecret ? openSecretWarning(file, found, 'holds a secret') : undefined,
    beside === undefined ? undefined : openSecretWarning(envPath, beside, 'is for secrets'),
  ]
  return {
    path,
    isFound,
    settings: contentOf(file, document) as RawSettings,
    inserted,
    variablesFile: beside === undefined ? undefined : { path: envPath, variables },
    warnings: warnings.filter((warning) => warning !== undefined),
  }
}
