import { z } from 'zod'
import { MixloadError } from '../../core/errors.ts'
import { parseJson } from '../../core/json.ts'
import { linesIn, readFileBytes, toLineBlocks } from './line-blocks.ts'

/** Adds the object of each line, and returns their number. Throws CONFIG_INVALID. */
export async function loadNdjson<Value>(
  path: string,
  schema: z.ZodType<Value>,
  add: (value: Value) => void,
): Promise<number> {
  let line = 0
  let loaded = 0
  for await (const block of toLineBlocks(readFileBytes(path))) {
    for (const [start, end] of linesIn(block)) {
      const text = block.toString('utf8', start, end)
      line++
      if (text.trim() === '') continue
      add(parseObject(text, schema, `${path}, line ${line}`))
      loaded++
    }
  }
  return loaded
}

function parseObject<Value>(text: string, schema: z.ZodType<Value>, place: string): Value {
  const json = parseJson(text)
  if (json === undefined) {
    throw new MixloadError('CONFIG_INVALID', `${place}: not valid JSON. Write one JSON object per line.`)
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new MixloadError('CONFIG_INVALID', `${place}: ${z.prettifyError(parsed.error)}`)
}
