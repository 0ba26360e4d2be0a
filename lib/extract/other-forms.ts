import { EVENT_LINES } from '../columns/table.ts'
import { isObject, parseJson } from '../core/json.ts'
import { reasonAgainst } from '../scan/line-reasons.ts'

/** How much of a file its form is recognized by. */
export const HEAD_BYTES = 64 * 1024

/** The command that turns a file into events with a program for jq, and loads them. */
function jq(program: string, file: string): string {
  const name = /^[\w./-]+$/.test(file) ? file : 'FILE'
  const [, compression] = /\.(gz|zst)$/.exec(file) ?? []
  const run = `jq -c '${program}'`
  const source =
    compression === undefined ? `${run} ${name}` : `${compression === 'gz' ? 'gzip' : 'zstd'} -dc ${name} | ${run}`
  return `${source} | mixload load -`
}

const PIPELINES =
  '{event: .event_name, properties: (.properties + {time, distinct_id, "$insert_id": .insert_id, ' +
  '"$device_id": .device_id, "$user_id": .user_id} | with_entries(select(.value != null)))}'
const SEGMENT =
  '{event, properties: (.properties + {time: .timestamp, distinct_id: (.userId // .anonymousId), "$insert_id": .messageId})}'

/**
 * What a file is that has no usable events, and what to type to load it, as sentences. `head`: its
 * beginning; `file`: its name. Says nothing of the content, which may be private.
 */
export function adviceAgainst(head: string, file: string): string {
  const [line = ''] = head.replace(/^\ufeff/, '').match(/[^\n]*\S[^\n]*/) ?? []
  const first = parseJson(line)
  if (!isObject(first)) return adviceAgainstText(line, head, file)
  const has = (...names: readonly string[]) => names.every((name) => Object.hasOwn(first, name))
  if (has('event_name')) return `It looks like a file of Mixpanel's Data Pipelines. Type: ${jq(PIPELINES, file)}`
  if (has('$distinct_id')) {
    return 'It has profiles, and load takes events only. mixload sync --streams engage loads the profiles that Mixpanel has.'
  }
  if (has('event', 'timestamp')) return `It looks like a file of Segment. Type: ${jq(SEGMENT, file)}`
  const reason = reasonAgainst(first, EVENT_LINES)
  if (has('event', 'time') && !has('properties')) {
    return `Its first line is ${reason}. Type: ${jq('{event, properties: del(.event)}', file)}`
  }
  return reason === undefined ? '' : `Its first line is ${reason}.`
}

function adviceAgainstText(line: string, head: string, file: string): string {
  if (/^\s*\{/.test(line) && /^\s*\{\s*\n/.test(head)) {
    return `Its first line is not JSON: each event seems to have several lines. Type: ${jq('.', file)}`
  }
  if (/^"?[\w $]+"?(?:[,;\t]"?[\w $]+"?)+\s*$/.test(line)) {
    return 'Its first line looks like the header of CSV, which only mixload import takes: it sends the events to Mixpanel.'
  }
  return 'Its first line is not a JSON object.'
}
