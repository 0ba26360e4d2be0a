import { z } from 'zod'
import type { Fault } from './faults.ts'

const count = z.int().min(0)

const scope = {
  match: z
    .strictObject({
      path: z.string().optional(),
      exactPath: z.string().optional(),
      parameters: z.record(z.string(), z.string()).optional(),
      fromDate: z.string().optional(),
      toDate: z.string().optional(),
      event: z.string().optional(),
      unfiltered: z.boolean().optional(),
      minDays: count.optional(),
    })
    .optional(),
  // JSON cannot represent Infinity.
  times: z.union([count, z.literal('always').transform(() => Number.POSITIVE_INFINITY)]).optional(),
  skip: count.optional(),
}

const afterLines = count.optional()
const status = z.int().min(200).max(599)

/** A fault as JSON. `times` may be `"always"`. */
const faultSchema: z.ZodType<Fault> = z.discriminatedUnion('kind', [
  z.strictObject({ ...scope, kind: z.literal('cut'), atByte: count }),
  z.strictObject({ ...scope, kind: z.literal('cut-clean'), atByte: count }),
  z.strictObject({
    ...scope,
    kind: z.literal('terminated-early'),
    text: z.enum(['terminated early', 'export terminated early']).optional(),
    afterLines,
  }),
  z.strictObject({ ...scope, kind: z.literal('error-json'), text: z.string().optional(), afterLines }),
  z.strictObject({ ...scope, kind: z.literal('rate-limit'), retryAfter: count.optional() }),
  z.strictObject({ ...scope, kind: z.literal('timeout') }),
  z.strictObject({ ...scope, kind: z.literal('status'), status, body: z.string().optional() }),
  z.strictObject({ ...scope, kind: z.literal('payment') }),
  z.strictObject({ ...scope, kind: z.literal('slow-first-byte'), ms: count }),
  z.strictObject({ ...scope, kind: z.literal('stall'), atByte: count, ms: count }),
  z.strictObject({ ...scope, kind: z.literal('reset') }),
  z.strictObject({ ...scope, kind: z.literal('session-lost') }),
  z.strictObject({ ...scope, kind: z.literal('repeat'), count }),
  z.strictObject({ ...scope, kind: z.literal('vanish'), count }),
  z.strictObject({
    ...scope,
    kind: z.literal('body'),
    body: z.string(),
    status: status.optional(),
    contentType: z.string().optional(),
    gzip: z.boolean().optional(),
    keepEncodingHeader: z.boolean().optional(),
  }),
])

/** The body of `POST /_simulator/faults`: one fault or a list. */
export const faultsSchema: z.ZodType<Fault[]> = z.union([
  z.array(faultSchema),
  faultSchema.transform((fault) => [fault]),
])
