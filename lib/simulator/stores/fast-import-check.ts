import { KIND } from '../../columns/value-kinds.ts'
import { LINE, type LineScanner, type LineVerdict } from '../../scan/line-scanner.ts'
import { timeNumber, toUtcMs } from './event-line.ts'
import {
  DEPTH_MAX,
  EVENT_BYTES_MAX,
  ITEMS_MAX,
  idViolation,
  isInFuture,
  isTooEarly,
  PROPERTIES_MAX,
} from './import-rules.ts'

const BACKSLASH = 0x5c
const OPEN_LIST = 0x5b
const OPEN_OBJECT = 0x7b

const NESTED = KIND.json | KIND.preciseJson | KIND.loneJson

/** Shorter lists and objects cannot have too many members, which have at least two bytes. */
const SHORT_BYTES = 2 * ITEMS_MAX

/** A scanned line, with the tokens of the properties that have rules. */
interface ScannedLine {
  readonly bytes: Buffer
  readonly scanner: LineScanner
  readonly verdict: LineVerdict
  readonly tokens: ReadonlyMap<string, number>
}

/**
 * Whether an import accepts this line, decided without parsing it. Nearly all valid lines pass. For
 * all others, {@link firstViolation} has to decide.
 */
export function passesFastCheck(line: ScannedLine, now: number): boolean {
  const { bytes, scanner, verdict } = line
  const isEvent = (verdict === LINE.plain || verdict === LINE.odd) && !scanner.hasDuplicate
  if (!isEvent || bytes.length > EVENT_BYTES_MAX || scanner.topLevelFrom > PROPERTIES_MAX) return false
  if (scanner.timeToken < 0 || line.tokens.get('time') !== scanner.timeToken) return false
  const utcMs = toUtcMs(timeNumber(scanner, bytes))
  if (Number.isNaN(utcMs) || isTooEarly(utcMs) || isInFuture(utcMs, now)) return false
  const [distinctId, insertId] = [plainText(line, 'distinct_id'), plainText(line, '$insert_id')]
  if (distinctId === undefined || insertId === undefined) return false
  if (idViolation(distinctId, insertId) !== undefined) return false
  for (let token = 0; token < scanner.topLevelFrom; token++) {
    if (((scanner.kind[token] as number) & NESTED) !== 0 && !isSmall(line, token)) return false
  }
  return true
}

/** Returns the value of a property that is a text without escapes. */
function plainText({ bytes, scanner, tokens }: ScannedLine, name: string): string | undefined {
  const token = tokens.get(name)
  if (token === undefined || scanner.kind[token] !== KIND.text) return undefined
  const [start, end] = [(scanner.valueStart[token] as number) + 1, (scanner.valueEnd[token] as number) - 1]
  for (let at = start; at < end; at++) if (bytes[at] === BACKSLASH) return undefined
  return bytes.toString('utf8', start, end)
}

/** Whether a value is certainly neither too long nor too deep. Brackets in texts count. */
function isSmall({ bytes, scanner }: ScannedLine, token: number): boolean {
  const [start, end] = [scanner.valueStart[token] as number, scanner.valueEnd[token] as number]
  if (end - start > SHORT_BYTES) return false
  let opened = 0
  for (let at = start; at < end; at++) if (bytes[at] === OPEN_LIST || bytes[at] === OPEN_OBJECT) opened++
  return opened <= DEPTH_MAX
}
