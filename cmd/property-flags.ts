import { MixloadError } from '../lib/core/errors.ts'
import { parseWithBigints } from '../lib/core/lossless-json.ts'
import { valueJson } from '../lib/ingest/text-values.ts'
import { textFlag } from './command.ts'

/** `--property NAME=VALUE`, once per property. */
export const PROPERTY_OPTION = textFlag(
  'NAME=VALUE; can be repeated. Numbers, true, false, null and JSON are read as such, anything else as text',
)

/** `--ip`, of a person. */
export const IP_OPTION = textFlag('IP address of the person, from which Mixpanel derives city and country')

/** Returns the values of a flag that can be repeated. */
export function textsOf(flag: unknown): readonly string[] {
  if (flag === undefined) return []
  return (Array.isArray(flag) ? flag : [flag]).map(String)
}

/** Properties from `NAME=VALUE` texts, with all digits. @throws MixloadError CONFIG_INVALID */
export function propertiesOf(texts: readonly string[]): Record<string, unknown> {
  const properties = texts.map((text) => {
    const [, name, value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? []
    if (name === undefined) {
      throw new MixloadError('CONFIG_INVALID', `--property ${JSON.stringify(text)} is not valid. Use NAME=VALUE.`)
    }
    return [name, parseValue(value)] as const
  })
  return Object.fromEntries(properties)
}

function parseValue(text: string): unknown {
  return parseWithBigints(valueJson(text))
}

/** Returns the time of a flag: a number of seconds or milliseconds, or a text. */
export function timeOf(flag: unknown): number | string | undefined {
  if (flag === undefined) return undefined
  const text = String(flag)
  return /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : text
}
