import { MixloadError } from '../core/errors.ts'

/** Returns what is wrong with a value, such as `must be a text`; undefined if it is valid. */
export type Check = (value: unknown) => string | undefined

/** The error for a record that cannot be sent. `what` names the argument, option or property. */
export function invalidRecord(what: string, rule: string): MixloadError {
  return new MixloadError('RECORD_INVALID', `${what} ${rule}.`)
}

/** Returns the problems of an object of options, without its values: some are secret. */
export function optionProblems(options: unknown, checks: Readonly<Record<string, Check>>): readonly string[] {
  if (typeof options !== 'object' || options === null) return ['must be an object']
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(checks, name))
  const known = `Known: ${Object.keys(checks).join(', ')}`
  return [
    ...(unknown.length === 0 ? [] : [`${unknown.join(', ')} is not known. ${known}`]),
    ...Object.entries(options).flatMap(([name, value]) => {
      const problem = value === undefined ? undefined : checks[name]?.(value)
      return problem === undefined ? [] : [`${name} ${problem}`]
    }),
  ]
}

/** Accepts any value. It is checked where it is used. */
export const anything: Check = () => undefined

export const isText: Check = (value) => (typeof value === 'string' ? undefined : 'must be a text')

export const isNonEmptyText: Check = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'must be a text that is not empty'

export const isBoolean: Check = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false')

/** Checks for a number from `min` to `max`. */
export function isNumber(min: number, max: number): Check {
  return (value) =>
    typeof value === 'number' && value >= min && value <= max ? undefined : `must be a number from ${min} to ${max}`
}

/** Checks for a whole number from `min` to `max`. */
export function isWholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): Check {
  const range = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `from ${min} to ${max}`
  return (value) =>
    Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max
      ? undefined
      : `must be a whole number, ${range}`
}

/** Checks for one of some texts. */
export function isOneOf(texts: readonly string[]): Check {
  return (value) => (texts.some((text) => text === value) ? undefined : `must be one of ${texts.join(', ')}`)
}
