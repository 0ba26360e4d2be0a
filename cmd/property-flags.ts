import { MixloadError } from '../lib/core/errors.ts'
import { valueJson } from '../lib/ingest/text-values.ts'

/** `--property NAME=VALUE`, as often as there are properties. */
export const PROPERTY_OPTION = {
  type: 'string',
  requiresArg: true,
  describe: 'NAME=VALUE; may be repeated. Numbers, true, false, null and JSON are what they look like, else it is text',
} as const

/** What flags of one name give, which is one text, several, or none. */
export function textsOf(flag: unknown): readonly string[] {
  if (flag === undefined) return []
  return (Array.isArray(flag) ? flag : [flag]).map(String)
}

/**
 * Properties from `NAME=VALUE` texts. Whole numbers keep their digits.
 * @throws MixloadError CONFIG_INVALID where a text has no `=`.
 */
export function propertiesOf(texts: readonly string[]): Record<string, unknown> {
  const properties = texts.map((text) => {
    const at = text.indexOf('=')
    if (at < 1) {
      throw new MixloadError(
        'CONFIG_INVALID',
        `--property: ${JSON.stringify(text)} is not valid: it must be NAME=VALUE.`,
      )
    }
    return [text.slice(0, at), typed(text.slice(at + 1))] as const
  })
  return Object.fromEntries(properties)
}

function typed(text: string): unknown {
  const json = valueJson(text)
  return /^-?\d{16,}$/.test(json) ? BigInt(json) : (JSON.parse(json) as unknown)
}

/** A time as a flag has it: a number of seconds or milliseconds, or a text. */
export function timeOf(flag: unknown): number | string | undefined {
  if (flag === undefined) return undefined
  const text = String(flag)
  return /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : text
}
