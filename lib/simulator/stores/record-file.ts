import { z } from 'zod'
import { MixloadError } from '../../core/errors.ts'
import { fileBytes, wholeLines } from './whole-lines.ts'

const NEWLINE = 0x0a

/** The records of a file with a JSON object a line; empty lines are passed over, `.gz` is unpacked. */
export async function* fileRecords<Value>(path: string, schema: z.ZodType<Value>): AsyncGenerator<Value> {
  let number = 0
  for await (const block of wholeLines(fileBytes(path))) {
    for (let start = 0; start < block.length; ) {
      const end = block.indexOf(NEWLINE, start)
      const text = block.toString('utf8', start, end)
      number++
      if (text.trim() !== '') yield recordOf(text, schema, `${path}, line ${number}`)
      start = end + 1
    }
  }
}

function recordOf<Value>(text: string, schema: z.ZodType<Value>, place: string): Value {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new MixloadError('CONFIG_INVALID', `${place}: not a JSON object; write one record a line`)
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new MixloadError('CONFIG_INVALID', `${place}: ${z.prettifyError(parsed.error)}`)
}
