import { z } from 'zod'
import { sentTime, type Time } from './event-time.ts'
import { checkedOperation, operationValue } from './operations.ts'
import {
  checkMemberCount,
  checkProperties,
  EVENT_LIMITS,
  isPlainObject,
  LOOSE_LIMITS,
  type Properties,
} from './property-values.ts'
import { checkedOptions, invalid } from './refusal.ts'

/** An address, as text or as four numbers. */
export type Ip = string | readonly [number, number, number, number]

export interface TrackOptions {
  /** When it happened; now where left out. */
  readonly time?: Time | undefined
  /** Where the person is; without it Mixpanel looks up no place, not even that of the sender. */
  readonly ip?: Ip | undefined
  readonly distinctId?: string | undefined
  /** The id by which Mixpanel tells a repeated event; a new one where left out. */
  readonly insertId?: string | undefined
}

export interface EngageOptions {
  readonly time?: Time | undefined
  /** As of an event. */
  readonly ip?: Ip | undefined
  /** True leaves `$last_seen` as it is. */
  readonly ignoreTime?: boolean | undefined
  /** True, with `$delete`, deletes the profile of this very id, even where the id is an alias of another. */
  readonly ignoreAlias?: boolean | undefined
  /** Both or none: a place, in degrees, in the stead of the address. */
  readonly latitude?: number | undefined
  readonly longitude?: number | undefined
}

/** A change of a profile. */
export interface ProfileUpdate {
  readonly distinctId: string
  readonly operation: string
  readonly value?: unknown
}

/** An event as Mixpanel takes it. */
export interface EventPayload {
  readonly event: string
  readonly properties: Properties
}

const IP_ERROR = { error: 'must be an address such as "203.0.113.9", or its four numbers' }
const byte = z.int().min(0).max(255)
// Mixpanel itself understands 0 as no address.
const ip = z.union(
  [z.ipv4(), z.ipv6(), z.literal('0'), z.tuple([byte, byte, byte, byte]).transform((parts) => parts.join('.'))],
  IP_ERROR,
)
const yesNo = z.boolean({ error: 'must be true or false' })
const degrees = (max: number) => z.number({ error: 'must be a number' }).min(-max).max(max)
const text = z.string({ error: 'must be a text' })

const TRACK_OPTIONS = z.strictObject({
  time: z.unknown().optional(),
  ip: ip.optional(),
  distinctId: text.optional(),
  insertId: text.min(1, { error: 'must not be empty' }).optional(),
})

const ENGAGE_OPTIONS = z.strictObject({
  time: z.unknown().optional(),
  ip: ip.optional(),
  ignoreTime: yesNo.optional(),
  ignoreAlias: yesNo.optional(),
  latitude: degrees(90).optional(),
  longitude: degrees(180).optional(),
})

/** What a record gets where the caller gives none. */
export interface Defaults {
  /** Milliseconds since 1970. */
  readonly now: number
  readonly insertId: () => string
  /** What every event has that is tracked; properties of the call count more. */
  readonly superProperties?: Properties | undefined
}

/**
 * The event that a call to track sends. Options count more than properties of the same meaning (`time`, `distinct_id`,
 * `ip`, `$insert_id`), which are allowed too.
 * @throws MixloadError RECORD_INVALID naming what is wrong.
 */
export function trackPayload(
  event: unknown,
  properties: unknown,
  options: unknown,
  { now, insertId, superProperties }: Defaults,
): EventPayload {
  checkEventName(event)
  const own = checkProperties(properties ?? {}, 'properties', EVENT_LIMITS)
  const given = superProperties === undefined ? own : withSuperProperties(superProperties, own)
  const chosen = checkedOptions(TRACK_OPTIONS, options, 'track')
  const time = chosen.time ?? given.time
  const id = chosen.distinctId ?? given.distinct_id
  const address = chosen.ip ?? given.ip
  return {
    event,
    properties: {
      ...given,
      time: time === undefined || time === null ? now : sentTime(time, 'time'),
      ...(id === undefined ? {} : { distinct_id: id }),
      ...(address === undefined ? {} : { ip: address }),
      $insert_id: chosen.insertId ?? given.$insert_id ?? insertId(),
    },
  }
}

function withSuperProperties(superProperties: Properties, own: Properties): Properties {
  const all = { ...superProperties, ...own }
  checkMemberCount(all, 'properties, with the super properties,', EVENT_LIMITS)
  return all
}

/**
 * An event of an import is sent as it is given, but for a `time` that is no number and a missing `$insert_id`. What is
 * `isFromJson` needs no check whether JSON can hold it.
 */
export function importPayload(event: unknown, insertId: () => string, isFromJson = false): EventPayload {
  if (typeof event !== 'object' || event === null) throw invalid('An event', 'must be an object')
  const { event: name, properties } = event as Partial<EventPayload>
  checkEventName(name)
  if (!isPlainObject(properties)) throw invalid('properties', 'must be an object of properties')
  // What is too large or too deep is Mixpanel's to refuse, which it does by record.
  const given = isFromJson ? properties : checkProperties(properties, 'properties', LOOSE_LIMITS)
  return {
    event: name,
    properties: {
      ...given,
      time: sentTime(given.time, 'time'),
      $insert_id: isGiven(given.$insert_id) ? given.$insert_id : insertId(),
    },
  }
}

/** Whether an `$insert_id` is there. */
export function isGiven(id: unknown): boolean {
  return id !== undefined && id !== null && id !== ''
}

/**
 * `$create_alias`: `alias` becomes another name of the person that `distinctId` names.
 * @throws MixloadError RECORD_INVALID for an id that is no text, or is the same.
 */
export function aliasPayload(alias: unknown, distinctId: unknown, defaults: Defaults): EventPayload {
  checkId(alias, 'alias')
  checkId(distinctId, 'distinctId')
  if (alias === distinctId) throw invalid('alias', 'is the distinct id itself')
  return verb('$create_alias', { distinct_id: distinctId, alias }, defaults)
}

/** `$identify`: the anonymous id, which must be a UUID of version 4, belongs to the person with this id. */
export function identifyPayload(distinctId: unknown, anonymousId: unknown, defaults: Defaults): EventPayload {
  checkId(distinctId, 'distinctId')
  checkId(anonymousId, 'anonymousId')
  // Mixpanel takes any other at the door, and then makes no link.
  if (!/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/i.test(anonymousId)) {
    throw invalid('anonymousId', 'must be a UUID of version 4')
  }
  const properties = { distinct_id: distinctId, $identified_id: distinctId, $anon_id: anonymousId }
  return verb('$identify', properties, defaults)
}

/** `$merge`: both ids are one person, for good. */
export function mergePayload(one: unknown, other: unknown, defaults: Defaults): EventPayload {
  checkId(one, 'the first id')
  checkId(other, 'the second id')
  if (one === other) throw invalid('the second id', 'is the first id again')
  return verb('$merge', { distinct_id: one, $distinct_ids: [one, other] }, defaults)
}

function verb(event: string, properties: Properties, { now, insertId }: Defaults): EventPayload {
  return { event, properties: { ...properties, time: now, $insert_id: insertId() } }
}

/** A change of a user's profile. The token is added when it is sent. */
export function profilePayload(update: unknown, options: unknown): object {
  if (typeof update !== 'object' || update === null) throw invalid('An update', 'must be an object')
  const { distinctId, operation, value, ...others } = update as Partial<ProfileUpdate>
  const unknown = Object.keys(others)
  if (unknown.length > 0) throw invalid(unknown.join(', '), 'is not known. Known: distinctId, operation, value')
  checkId(distinctId, 'distinctId')
  return { $distinct_id: distinctId, ...envelope(operation, value, options, false) }
}

/** A change of a group's profile. */
export function groupPayload(
  groupKey: unknown,
  groupId: unknown,
  operation: unknown,
  value: unknown,
  options: unknown,
): object {
  checkId(groupKey, 'groupKey')
  checkId(groupId, 'groupId')
  return { $group_key: groupKey, $group_id: groupId, ...envelope(operation, value, options, true) }
}

function envelope(operation: unknown, value: unknown, options: unknown, isGroup: boolean): object {
  const name = checkedOperation(operation, isGroup)
  const { time, ip, ignoreTime, ignoreAlias, latitude, longitude } = checkedOptions(ENGAGE_OPTIONS, options, 'engage')
  if ((latitude === undefined) !== (longitude === undefined)) {
    throw invalid('latitude and longitude', 'are given both or not at all')
  }
  return {
    ...(ip === undefined ? {} : { $ip: ip }),
    ...(time === undefined ? {} : { $time: sentTime(time, 'time') }),
    ...(ignoreTime === true ? { $ignore_time: true } : {}),
    ...(ignoreAlias === true ? { $ignore_alias: true } : {}),
    ...(latitude === undefined ? {} : { $latitude: latitude, $longitude: longitude }),
    [name]: operationValue(name, value),
  }
}

function checkEventName(event: unknown): asserts event is string {
  if (typeof event !== 'string' || event.trim() === '') throw invalid('event', 'must be a name that is not blank')
}

function checkId(id: unknown, what: string): asserts id is string {
  if (typeof id !== 'string' || id === '') throw invalid(what, 'must be a text that is not empty')
}
