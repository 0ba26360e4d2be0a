import { type RetryPolicy, retrying } from '../core/retry.ts'
import type { MixpanelClient } from '../mixpanel/client.ts'
import { type OnProgress, retryReporter } from '../progress.ts'
import { isObject, type JsonObject, unknownForm } from '../streams/answer.ts'
import { CHANGES_TABLE } from '../transform/profile-changes.ts'
import type { PropertyDescriptions } from './sentences.ts'

/** The descriptions of event and profile properties in Mixpanel's Lexicon. */
export interface Lexicon {
  readonly events: PropertyDescriptions
  readonly profiles: PropertyDescriptions
}

/** A Lexicon without descriptions. */
export const NO_LEXICON: Lexicon = { events: {}, profiles: {} }

/** The descriptions of the properties of a table. */
export function propertiesIn({ events, profiles }: Lexicon, table: string): PropertyDescriptions {
  return table === 'export' ? events : table === 'engage' || table === CHANGES_TABLE ? profiles : {}
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
  if (!Array.isArray(entries)) throw unknownForm("Mixpanel's Lexicon")
  const objects = entries.filter(isObject)
  return { events: descriptionsOf(objects, 'event'), profiles: descriptionsOf(objects, 'profile') }
}

function descriptionsOf(entities: readonly JsonObject[], type: 'event' | 'profile'): PropertyDescriptions {
  const described = entities.flatMap(({ entityType, name, schemaJson }) => {
    if (entityType !== type || typeof name !== 'string' || !isObject(schemaJson)) return []
    return describedIn(schemaJson).map(([property, text]) => ({ property, text, name }))
  })
  const byProperty = [...Map.groupBy(described, ({ property }) => property)].map(([property, texts]) => {
    const byText = [...Map.groupBy(texts, ({ text }) => text)]
    const all = byText.map(([text, same]) => `${same.map(({ name }) => name).join(', ')}: ${text}`)
    return [property, { description: byText.length === 1 ? (byText[0]?.[0] ?? '') : all.join('; ') }] as const
  })
  return Object.fromEntries(byProperty)
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
