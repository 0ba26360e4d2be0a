import { LineScanner } from '../../scan/line-scanner.ts'
import { editLine, valueEdit } from './event-line.ts'
import type { Identity } from './identity.ts'
import { linesIn } from './line-blocks.ts'

/** Replaces exported ids by current ids. `$distinct_id_before_identity` keeps the original. */
export async function* withCurrentIds(
  blocks: AsyncIterable<Buffer>,
  identity: Identity,
  now: number,
): AsyncGenerator<Buffer, void, undefined> {
  if (identity.isEmpty) {
    yield* blocks
    return
  }
  const scanner = new LineScanner()
  for await (const block of blocks) {
    yield Buffer.concat(linesIn(block).map((line) => withCurrentId(scanner, line, identity, now)))
  }
}

function withCurrentId(scanner: LineScanner, line: Buffer, identity: Identity, now: number): Buffer {
  scanner.scan(line, 0, line.length - 1)
  for (let token = scanner.topLevelFrom - 1; token >= 0; token--) {
    if (scanner.properties.names[scanner.property[token] as number] !== 'distinct_id') continue
    const original = line.toString('utf8', scanner.valueStart[token], scanner.valueEnd[token])
    const id: unknown = JSON.parse(original)
    const current = typeof id === 'string' ? identity.exportedId(id, now) : id
    if (current === id) return line
    const text = `${JSON.stringify(current)},"$distinct_id_before_identity":${original}`
    return editLine(line, [valueEdit(scanner, token, text)])
  }
  return line
}
