import { KIND } from '../../lib/columns/value-kinds.ts'
import { LINE, type LineScanner, type LineVerdict } from '../../lib/scan/line-scanner.ts'
import type { Spelled } from './json-arbitraries.ts'

/** What is before and after a line in the scanner's buffer, to check that it ignores both. */
const BEFORE = Buffer.from('{"event":"before",\n')
const AFTER = Buffer.from('\n"}}}0123456789\\u0041tru')

/** A line as the scanner gets it: among others, with its newline. */
export interface Placed {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

export function placed(line: string | Buffer): Placed {
  const bytes = Buffer.concat([BEFORE, typeof line === 'string' ? Buffer.from(line) : line, AFTER])
  return { bytes, start: BEFORE.length, end: bytes.length - AFTER.length }
}

export function scanned(scanner: LineScanner, line: string | Buffer): LineVerdict {
  const { bytes, start, end } = placed(line)
  return scanner.scan(bytes, start, end)
}

export function isAccepted(verdict: LineVerdict): boolean {
  return verdict === LINE.plain || verdict === LINE.odd
}

/** The kind of a number is tested on its own; here any of them will do. */
const NUMBERS = KIND.integer | KIND.longInteger | KIND.double | KIND.bigNumber

/** The kinds that such a value can have. */
export function kindsFor({ text, lone, precise }: Spelled): number {
  const first = text[0] ?? ''
  if (first === '"') return lone ? KIND.loneText : KIND.text
  if (first === '{' || first === '[') return lone ? KIND.loneJson : precise ? KIND.preciseJson : KIND.json
  if (first === 'n') return KIND.null
  if (first === 't' || first === 'f') return KIND.boolean
  return precise ? KIND.bigNumber : NUMBERS & ~KIND.bigNumber
}

export interface Token {
  readonly name: string
  readonly text: string
  readonly kind: number
  readonly isExtra: boolean
}

/** The tokens of the line that was scanned last. */
export function tokensOf(scanner: LineScanner, bytes: Buffer): readonly Token[] {
  return Array.from({ length: scanner.count }, (_, token) => ({
    name: scanner.properties.names[scanner.property[token] ?? -1] ?? '',
    text: bytes.toString('utf8', scanner.valueStart[token], scanner.valueEnd[token]),
    kind: scanner.kind[token] ?? 0,
    isExtra: token >= scanner.topLevelFrom,
  }))
}
