import { type RetryPolicy, retrying } from '../core/retry.ts'
import type { MixpanelClient } from '../mixpanel/client.ts'
import { type OnProgress, retryReporter } from '../progress.ts'
import { isObject, type JsonObject, unknownForm } from '../streams/answer.ts'

/** Descriptions of properties, by name. */
export type PropertyDescriptions = Readonly<Record<string, { readonly description: string }>>

/** The descriptions of event and profile properties in Mixpanel's Lexicon. */
export interface Lexicon {
  readonly events: PropertyDescriptions
  readonly profiles: PropertyDescriptions
}

/** Mixpanel allows an organisation five such requests per minute. */
const LEXICON_RETRIES: RetryPolicy = {
  retries: { NETWORK_FAILED: 2, CONNECTION_CUT: 2, SERVER_FAILED: 2, RATE_LIMITED: 2, BODY_TRUNCATED: 2 },
  firstDelayMs: 1000,
  delayMaxMs: 60_000,
}

/** Reads the Lexicon of a project. @throws MixloadError BODY_UNREADABLE if its form is unknown. */
export async function askLexicon(
  client: MixpanelClient,
  projectId: string,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<Lexicon> {
  const ask = () => client.json({ family: 'app', path: `/api/app/projects/${projectId}/schemas`, query: {} }, signal)
  return lexiconOf(await retrying(LEXICON_RETRIES, signal, ask, retryReporter(onProgress)))
}

/**
 * The Lexicon in a response: a list of entities, bare or as `results`. If events describe a
 * property differently, it names each with its description. @throws MixloadError BODY_UNREADABLE
 */
export function lexiconOf(answer: unknown): Lexicon {
  const entries = isObject(answer) ? answer.results : answer
  if (!Array.isArray(entries)) throw unknownForm('Mixpanel’s Lexicon')
  const events = new Map<string, Map<string, string[]>>()
  const profiles = new Map<string, Map<string, string[]>>()
  for (const { entityType, name, schemaJson } of entries.filter(isObject)) {
    const found = entityType === 'event' ? events : entityType === 'profile' ? profiles : undefined
    if (found === undefined || typeof name !== 'string' || !isObject(schemaJson)) continue
    for (const [property, text] of describedIn(schemaJson)) {
      const texts = found.get(property) ?? new Map<string, string[]>()
      texts.set(text, [...(texts.get(text) ?? []), name])
      found.set(property, texts)
    }
  }
  return { events: joined(events), profiles: joined(profiles) }
}

/** Properties of a schema with their descriptions, or else their display names. */
function describedIn({ properties }: JsonObject): readonly (readonly [string, string])[] {
  if (!isObject(properties)) return []
  return Object.entries(properties).flatMap(([name, property]) => {
    if (!isObject(property)) return []
    const { description, metadata } = property
    const own = isObject(metadata) ? metadata['com.mixpanel'] : undefined
    const text = [description, isObject(own) ? own.displayName : undefined].find(
      (candidate) => typeof candidate === 'string' && candidate.trim() !== '',
    )
    return typeof text === 'string' ? [[name, text.trim()] as const] : []
  })
}

function joined(found: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>): PropertyDescriptions {
  const entries = [...found].map(([property, texts]) => {
    const [first = ''] = texts.keys()
    const all = [...texts].map(([text, names]) => `${names.join(', ')}: ${text}`)
    return [property, { description: texts.size === 1 ? first : all.join('; ') }] as const
  })
  return Object.fromEntries(entries)
}
