import { z } from 'zod'
import type { Fault } from './faults.ts'

const count = z.int().min(0)
const text = z.string().optional()
const afterLines = count.optional()
const status = z.int().min(200).max(599)

const match = z.strictObject({
  path: text,
  exactPath: text,
  parameters: z.record(z.string(), z.string()).optional(),
  fromDate: text,
  toDate: text,
  event: text,
  unfiltered: z.boolean().optional(),
  minDays: count.optional(),
})

/** The schema of a kind. `times` may be `"always"`: JSON cannot represent Infinity. */
function fault<Kind extends string, Fields extends z.ZodRawShape>(kind: Kind, fields: Fields) {
  const always = z.literal('always').transform(() => Number.POSITIVE_INFINITY)
  const scope = { match: match.optional(), times: z.union([count, always]).optional(), skip: count.optional() }
  return z.strictObject({ kind: z.literal(kind), ...scope, ...fields })
}

const faultSchema: z.ZodType<Fault> = z.discriminatedUnion('kind', [
  fault('cut', { atByte: count }),
  fault('cut-clean', { atByte: count }),
  fault('terminated-early', { text: z.enum(['terminated early', 'export terminated early']).optional(), afterLines }),
  fault('error-json', { text, afterLines }),
  fault('rate-limit', { retryAfter: count.optional() }),
  fault('timeout', {}),
  fault('status', { status, body: text }),
  fault('payment', {}),
  fault('slow-first-byte', { ms: count }),
  fault('stall', { atByte: count, ms: count }),
  fault('reset', {}),
  fault('session-lost', {}),
  fault('repeat', { count }),
  fault('vanish', { count }),
  fault('body', {
    body: z.string(),
    status: status.optional(),
    contentType: text,
    gzip: z.boolean().optional(),
    keepEncodingHeader: z.boolean().optional(),
  }),
])

/** The body of `POST /_simulator/faults`: one fault or a list. */
export const faultsSchema: z.ZodType<Fault[]> = z.union([
  z.array(faultSchema),
  faultSchema.transform((fault) => [fault]),
])
