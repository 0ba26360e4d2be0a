import { KIND } from '../../columns/value-kinds.ts'
import { LINE, type LineScanner, type LineVerdict } from '../../scan/line-scanner.ts'
import { sentMoment, timeNumber } from './event-line.ts'
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

/** A list or an object this short has no more members than Mixpanel takes: each takes a byte, and a comma. */
const SHORT_BYTES = 2 * ITEMS_MAX

/** A line that was scanned, and where the properties stand that have rules of their own. */
interface ScannedLine {
  readonly bytes: Buffer
  readonly scanner: LineScanner
  readonly verdict: LineVerdict
  readonly tokens: ReadonlyMap<string, number>
}

/**
 * Whether an import takes this line for sure, which nearly all are, and which can be told without making values of it. Of
 * the others, {@link violation} has to decide.
 */
export function isSurelyValid(line: ScannedLine, now: number): boolean {
  const { bytes, scanner, verdict } = line
  const isEvent = (verdict === LINE.plain || verdict === LINE.odd) && !scanner.hasDuplicate
  if (!isEvent || bytes.length > EVENT_BYTES_MAX || scanner.topLevelFrom > PROPERTIES_MAX) return false
  if (scanner.timeToken < 0 || line.tokens.get('time') !== scanner.timeToken) return false
  const utcMs = sentMoment(timeNumber(scanner, bytes))
  if (Number.isNaN(utcMs) || isTooEarly(utcMs) || isInFuture(utcMs, now)) return false
  const [person, id] = [plainText(line, 'distinct_id'), plainText(line, '$insert_id')]
  if (person === undefined || id === undefined || idViolation(person, id) !== undefined) return false
  for (let token = 0; token < scanner.topLevelFrom; token++) {
    if (((scanner.kind[token] as number) & NESTED) !== 0 && !isSmall(line, token)) return false
  }
  return true
}

/** A property that is a text without escapes. */
function plainText({ bytes, scanner, tokens }: ScannedLine, name: string): string | undefined {
  const token = tokens.get(name)
  if (token === undefined || scanner.kind[token] !== KIND.text) return undefined
  const [start, end] = [(scanner.valueStart[token] as number) + 1, (scanner.valueEnd[token] as number) - 1]
  for (let at = start; at < end; at++) if (bytes[at] === BACKSLASH) return undefined
  return bytes.toString('utf8', start, end)
}

/** Whether a list or an object can neither be too long nor too deep; brackets in its texts count as well. */
function isSmall({ bytes, scanner }: ScannedLine, token: number): boolean {
  const [start, end] = [scanner.valueStart[token] as number, scanner.valueEnd[token] as number]
  if (end - start > SHORT_BYTES) return false
  let opened = 0
  for (let at = start; at < end; at++) if (bytes[at] === OPEN_LIST || bytes[at] === OPEN_OBJECT) opened++
  return opened <= DEPTH_MAX
}
