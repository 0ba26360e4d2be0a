import { z } from 'zod'

/**
 * Events that a report counts: those with the name, or with one of the names, that meet the
 * condition. Without `event`, events of any name.
 */
export interface ReportStep {
  readonly event?: string | readonly string[] | undefined
  /** A condition in the warehouse's SQL, on the columns of `export_latest`. */
  readonly where?: string | undefined
  /** What the report calls it; the name of the event if left out. */
  readonly name?: string | undefined
}

const stepFields = {
  event: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional(),
  where: z.string().min(1).optional(),
  name: z.string().min(1).optional(),
}

/**
 * A step that a report takes, with more fields of its own: an object, or a text, as `parseStep`
 * reads it.
 */
export function stepSchema<const More extends z.ZodRawShape>(more: More) {
  return z.preprocess(
    (value, context) => {
      try {
        return typeof value === 'string' ? parseStep(value) : value
      } catch {
        context.addIssue({ code: 'custom', message: 'must be valid JSON if it begins with {', input: value })
        return z.NEVER
      }
    },
    z.strictObject({ ...stepFields, ...more }, 'must be the name of an event, or an object such as {"event": "Order"}'),
  )
}

/**
 * A step as a text: the name of an event, a name and a condition with ` where ` between them, or a
 * JSON object.
 */
export function parseStep(text: string): unknown {
  if (text.trimStart().startsWith('{')) return JSON.parse(text)
  const at = text.search(/ where /i)
  return at < 0 ? { event: text } : { event: text.slice(0, at), where: text.slice(at + ' where '.length) }
}
