import type { z } from 'zod'
import { MixloadError } from '../core/errors.ts'

/** The error of a record that can't be sent as it is given; `what` names the argument, option or property. */
export function invalid(what: string, rule: string): MixloadError {
  return new MixloadError('RECORD_INVALID', `${what} ${rule}.`)
}

/**
 * What a schema makes of options.
 * @throws MixloadError RECORD_INVALID naming the option that is unknown or wrong, and those that there are.
 */
export function checkedOptions<Schema extends z.ZodObject>(
  schema: Schema,
  given: unknown,
  call: string,
): z.output<Schema> {
  const parsed = schema.safeParse(given ?? {})
  if (parsed.success) return parsed.data
  const known = Object.keys(schema.shape).join(', ')
  const wrong = parsed.error.issues.map((issue) => {
    if (issue.code === 'unrecognized_keys') return `${issue.keys.join(', ')} is not known. Known: ${known}`
    const path = issue.path.map(String).join('.')
    return path === '' ? issue.message : `${path} ${issue.message}`
  })
  throw new MixloadError('RECORD_INVALID', `Options of ${call}: ${wrong.join('; ')}.`)
}
