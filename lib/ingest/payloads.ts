import { millisecondsOf } from '../time/instants.ts'
import {
  anything,
  type Check,
  invalidRecord,
  isBoolean,
  isNonEmptyText,
  isNumber,
  isText,
  optionProblems,
} from './checks.ts'
import { type TimeInput, toMixpanelTime } from './mixpanel-time.ts'
import { checkOperation, operationValue } from './operations.ts'
import {
  checkMemberCount,
  checkProperties,
  EVENT_LIMITS,
  isPlainObject,
  LOOSE_LIMITS,
  type Properties,
} from './property-values.ts'

/** An IP address, as text or as four numbers. */
export type IpAddress = string | readonly [number, number, number, number]

/** Options of `track`. */
export interface TrackOptions {
  /** When the event happened. Default: now. */
  readonly time?: TimeInput | undefined
  /**
   * The address of the person, from which Mixpanel derives city and country. Without it Mixpanel
   * derives neither, and never uses the address of the sender.
   */
  readonly ip?: IpAddress | undefined
  readonly distinctId?: string | undefined
  /** The id by which Mixpanel recognizes a duplicate event. Default: a new one. */
  readonly insertId?: string | undefined
}

/** Options of `engage` and `engageGroup`. */
export interface EngageOptions {
  readonly time?: TimeInput | undefined
  /** The address of the person, as for `track`. */
  readonly ip?: IpAddress | undefined
  /** Leaves `$last_seen` unchanged. */
  readonly ignoreTime?: boolean | undefined
  /** With `$delete`: deletes the profile of exactly this id, even if the id is an alias. */
  readonly ignoreAlias?: boolean | undefined
  /** The place of the person in degrees, instead of an address. Needs `longitude`, too. */
  readonly latitude?: number | undefined
  readonly longitude?: number | undefined
}

/** A change of one user profile. */
export interface ProfileUpdate {
  readonly distinctId: string
  /** One of {@link Operation}. */
  readonly operation: string
  readonly value?: unknown
}

/** An event as Mixpanel expects it. */
export interface EventPayload {
  readonly event: string
  readonly properties: Properties
}

const isIpAddress: Check = (value) => {
  const text = Array.isArray(value) ? value.join('.') : value
  const isByte = (text: string) => /^(?:0|[1-9]\d{0,2})$/.test(text) && Number(text) <= 255
  const isIpv4 = (text: string) => text.split('.').length === 4 && text.split('.').every(isByte)
  const isIpv6 = (text: string) => text.includes(':') && URL.canParse(`http://[${text}]/`)
  // Mixpanel itself reads 0 as "no address".
  const isValid = typeof text === 'string' && (text === '0' || isIpv4(text) || isIpv6(text))
  return isValid ? undefined : 'must be an address such as "203.0.113.9", or its four numbers'
}

const TRACK_OPTIONS: Readonly<Record<keyof TrackOptions, Check>> = {
  time: anything,
  ip: isIpAddress,
  distinctId: isText,
  insertId: isNonEmptyText,
}

const ENGAGE_OPTIONS: Readonly<Record<keyof EngageOptions, Check>> = {
  time: anything,
  ip: isIpAddress,
  ignoreTime: isBoolean,
  ignoreAlias: isBoolean,
  latitude: isNumber(-90, 90),
  longitude: isNumber(-180, 180),
}

function checkOptions<Options>(
  options: unknown,
  checks: Readonly<Record<keyof Options & string, Check>>,
  method: string,
): Options {
  const problems = optionProblems(options ?? {}, checks)
  if (problems.length > 0) throw invalidRecord(`Options of ${method}:`, problems.join('; '))
  return (options ?? {}) as Options
}

/** What a record gets if the caller does not provide it. */
export interface Defaults {
  /** Milliseconds since 1970. */
  readonly now: number
  readonly insertId: () => string
  /** Properties of every tracked event. Properties of the call win. */
  readonly superProperties?: Properties | undefined
}

/** Returns the event that `track` sends. Options win over properties of the same meaning. */
export function trackPayload(
  event: unknown,
  properties: unknown,
  options: unknown,
  { now, insertId, superProperties }: Defaults,
): EventPayload {
  checkEventName(event)
  const own = checkProperties(properties ?? {}, 'properties', EVENT_LIMITS)
  const all = superProperties === undefined ? own : { ...superProperties, ...own }
  if (superProperties !== undefined) {
    checkMemberCount(all, 'properties, together with the super properties,', EVENT_LIMITS)
  }
  const chosen = checkOptions<TrackOptions>(options, TRACK_OPTIONS, 'track')
  const time = chosen.time ?? all.time
  const id = chosen.distinctId ?? all.distinct_id
  const ip = chosen.ip === undefined ? all.ip : ipText(chosen.ip)
  return {
    event,
    properties: {
      ...all,
      time: time === undefined || time === null ? now : toMixpanelTime(time, 'time'),
      ...(id === undefined ? {} : { distinct_id: id }),
      ...(ip === undefined ? {} : { ip }),
      $insert_id: chosen.insertId ?? all.$insert_id ?? insertId(),
    },
  }
}

/** Returns an event of an import. `isFromJson`: its values need no check. */
export function importPayload(event: unknown, insertId: () => string, isFromJson = false): EventPayload {
  if (typeof event !== 'object' || event === null) throw invalidRecord('An event', 'must be an object')
  const { event: name, properties } = event as Partial<EventPayload>
  checkEventName(name)
  if (!isPlainObject(properties)) throw invalidRecord('properties', 'must be an object of properties')
  // Mixpanel itself rejects records that are too large or too deeply nested, one by one.
  const checked = isFromJson ? properties : checkProperties(properties, 'properties', LOOSE_LIMITS)
  return {
    event: name,
    properties: {
      ...checked,
      time: toMixpanelTime(checked.time, 'time'),
      $insert_id: isInsertId(checked.$insert_id) ? checked.$insert_id : insertId(),
    },
  }
}

/** Whether an event has an `$insert_id`. Mixpanel decides whether it is valid. */
export function isInsertId(id: unknown): boolean {
  return id !== undefined && id !== null && id !== ''
}

/** Returns `$create_alias`: `alias` becomes another id of the person with `distinctId`. */
export function aliasPayload(alias: unknown, distinctId: unknown, defaults: Defaults): EventPayload {
  checkId(alias, 'alias')
  checkId(distinctId, 'distinctId')
  if (alias === distinctId) throw invalidRecord('alias', 'is the distinct id itself')
  return identityEvent('$create_alias', { distinct_id: distinctId, alias }, defaults)
}

/** Returns `$identify`: the anonymous id, a UUID version 4, belongs to `distinctId`. */
export function identifyPayload(distinctId: unknown, anonymousId: unknown, defaults: Defaults): EventPayload {
  checkId(distinctId, 'distinctId')
  checkId(anonymousId, 'anonymousId')
  // Mixpanel accepts an event with any other id, but then links nothing.
  if (!/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/i.test(anonymousId)) {
    throw invalidRecord('anonymousId', 'must be a UUID version 4')
  }
  const properties = { distinct_id: distinctId, $identified_id: distinctId, $anon_id: anonymousId }
  return identityEvent('$identify', properties, defaults)
}

/** Returns the event `$merge`: both ids are one person from now on. This cannot be undone. */
export function mergePayload(firstId: unknown, secondId: unknown, defaults: Defaults): EventPayload {
  checkId(firstId, 'the first id')
  checkId(secondId, 'the second id')
  if (firstId === secondId) throw invalidRecord('the second id', 'is the same as the first id')
  return identityEvent('$merge', { distinct_id: firstId, $distinct_ids: [firstId, secondId] }, defaults)
}

function identityEvent(event: string, properties: Properties, { now, insertId }: Defaults): EventPayload {
  return { event, properties: { ...properties, time: now, $insert_id: insertId() } }
}

/** Returns a change of a user profile. The token is added when it is sent. */
export function profilePayload(update: unknown, options: unknown): object {
  if (typeof update !== 'object' || update === null) throw invalidRecord('An update', 'must be an object')
  const { distinctId, operation, value, ...unknown } = update as Partial<ProfileUpdate>
  const names = Object.keys(unknown)
  if (names.length > 0) throw invalidRecord(names.join(', '), 'is not known. Known: distinctId, operation, value')
  checkId(distinctId, 'distinctId')
  return { $distinct_id: distinctId, ...changePayload(operation, value, options, false) }
}

/** Returns a change of a group profile. */
export function groupPayload(
  groupKey: unknown,
  groupId: unknown,
  operation: unknown,
  value: unknown,
  options: unknown,
): object {
  checkId(groupKey, 'groupKey')
  checkId(groupId, 'groupId')
  return { $group_key: groupKey, $group_id: groupId, ...changePayload(operation, value, options, true) }
}

function changePayload(operation: unknown, value: unknown, options: unknown, isGroup: boolean): object {
  const name = checkOperation(operation, isGroup)
  const chosen = checkOptions<EngageOptions>(options, ENGAGE_OPTIONS, 'engage')
  const { time, ip, ignoreTime, ignoreAlias, latitude, longitude } = chosen
  if ((latitude === undefined) !== (longitude === undefined)) {
    throw invalidRecord('latitude and longitude', 'must be given together')
  }
  return {
    ...(ip === undefined ? {} : { $ip: ipText(ip) }),
    ...(time === undefined ? {} : { $time: toMixpanelTime(time, 'time') }),
    ...(ignoreTime === true ? { $ignore_time: true } : {}),
    ...(ignoreAlias === true ? { $ignore_alias: true } : {}),
    ...(latitude === undefined ? {} : { $latitude: latitude, $longitude: longitude }),
    [name]: operationValue(name, value),
  }
}

/** The profile property in which Mixpanel's libraries and its revenue report keep charges. */
export const CHARGES_PROPERTY = '$transactions'

/**
 * Returns a charge as an item of `$transactions`. Its `$time` defaults to now, so that a charge
 * that is delivered later still counts on its own day.
 */
export function chargeItem(amount: unknown, properties: unknown, now: number): Properties {
  if (typeof amount !== 'number' || !Number.isFinite(amount)) throw invalidRecord('amount', 'must be a number')
  const given = checkProperties(properties ?? {}, 'properties', LOOSE_LIMITS)
  const time = given.$time === undefined ? now : millisecondsOf(toMixpanelTime(given.$time, 'properties.$time'))
  return { ...given, $time: new Date(time).toISOString(), $amount: amount }
}

function ipText(ip: IpAddress): string {
  return typeof ip === 'string' ? ip : ip.join('.')
}

function checkEventName(event: unknown): asserts event is string {
  if (typeof event !== 'string' || event.trim() === '') throw invalidRecord('event', 'must be a name that is not blank')
}

function checkId(id: unknown, what: string): asserts id is string {
  if (typeof id !== 'string' || id === '') throw invalidRecord(what, 'must be a text that is not empty')
}
