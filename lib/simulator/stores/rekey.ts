import { LineScanner } from '../../scan/line-scanner.ts'
import { editedLine } from './event-line.ts'
import type { Identity } from './identity.ts'

const NEWLINE = 0x0a

/** Lines of an export with the person that an id belongs to by now, and the id as it came where that has changed. */
export async function* rekeyed(
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
    const lines: Buffer[] = []
    for (let start = 0; start < block.length; ) {
      const found = block.indexOf(NEWLINE, start)
      const end = found < 0 ? block.length : found + 1
      lines.push(rekeyedLine(scanner, block.subarray(start, end), identity, now))
      start = end
    }
    yield Buffer.concat(lines)
  }
}

function rekeyedLine(scanner: LineScanner, line: Buffer, identity: Identity, now: number): Buffer {
  scanner.scan(line, 0, line.at(-1) === NEWLINE ? line.length - 1 : line.length)
  for (let token = scanner.topLevelFrom - 1; token >= 0; token--) {
    if (scanner.properties.names[scanner.property[token] as number] !== 'distinct_id') continue
    const start = scanner.valueStart[token] as number
    const end = scanner.valueEnd[token] as number
    const sent = line.toString('utf8', start, end)
    const id: unknown = JSON.parse(sent)
    const person = typeof id === 'string' ? identity.exported(id, now) : id
    if (person === id) return line
    const text = `${JSON.stringify(person)},"$distinct_id_before_identity":${sent}`
    return editedLine(line, 0, line.length, [{ start, end, text }])
  }
  return line
}
