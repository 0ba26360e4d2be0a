/** How a project merges ids. Legacy id management, by aliases alone, is not simulated. */
export type IdentityMode = 'original' | 'simplified'

const IDENTITY_EVENTS = ['$identify', '$create_alias', '$merge']

/** Whether events with this name merge ids. */
export function isIdentityEvent(name: string): boolean {
  return IDENTITY_EVENTS.includes(name)
}

const DEVICE = '$device:'
const CLUSTER_MAX = 500
const UUID_4 = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/i

interface Link {
  readonly to: string
  /** When the link was made, in milliseconds. */
  readonly since: number
}

type Properties = Readonly<Record<string, unknown>>

/**
 * Which ids are one person. Links apply to exports after a delay. As in Mixpanel, an event that
 * breaks a rule links nothing, without an error, and is stored with a `$failure_reason`.
 */
export class Identity {
  readonly mode: IdentityMode
  readonly #lagMs: number
  readonly #links = new Map<string, Link>()
  readonly #sizes = new Map<string, number>()
  /** Called when two ids become one person. */
  readonly #onLink: (from: string, to: string) => void

  constructor(mode: IdentityMode, lagMs: number, onLink: (from: string, to: string) => void = () => {}) {
    this.mode = mode
    this.#lagMs = lagMs
    this.#onLink = onLink
  }

  get isEmpty(): boolean {
    return this.#links.size === 0
  }

  /** Makes the links of an event. Returns the JSON of the properties that it is stored with. */
  linkIds(event: string, properties: Properties, now: number): Readonly<Record<string, string>> {
    if (this.mode === 'simplified') return this.#simplifiedIds(properties, now)
    const reason = isIdentityEvent(event) ? this.#linkOriginal(event, properties, now) : undefined
    return reason === undefined ? {} : { $failure_reason: JSON.stringify(reason) }
  }

  /** Links what an identity event says, or returns why not. */
  #linkOriginal(event: string, properties: Properties, now: number): string | undefined {
    const { $identified_id, $anon_id, distinct_id, alias, $distinct_ids } = properties
    if (event === '$identify') {
      if (!isId($anon_id) || !UUID_4.test($anon_id)) return 'errAnonDistinctIdNonGUIDForm'
      if (this.#links.has($anon_id) || this.#sizes.has($anon_id)) return 'errAnonDistinctIdAssignedAlready'
      return this.#link($anon_id, $identified_id ?? distinct_id, now)
    }
    if (event === '$create_alias') {
      return isId(alias) && this.#links.has(alias) ? 'errAliasAssignedAlready' : this.#link(alias, distinct_id, now)
    }
    const [first, second] = Array.isArray($distinct_ids) && $distinct_ids.length === 2 ? $distinct_ids : []
    return this.#link(second, first, now)
  }

  /** Returns the id that an export has for an id at a moment. */
  exportedId(id: string, now: number): string {
    return this.#follow(id, now - this.#lagMs)
  }

  /** Returns the id of the person, as reports count people: without the delay of exports. */
  personId(id: string): string {
    return this.#follow(id)
  }

  /** Returns the id of the profile that an update of this id changes. */
  profileId(id: string): string {
    return this.mode === 'simplified' ? id : this.#follow(id)
  }

  #simplifiedIds(properties: Properties, now: number): Readonly<Record<string, string>> {
    const { distinct_id } = properties
    const id = isId(distinct_id) ? distinct_id : undefined
    let user = isId(properties.$user_id) ? properties.$user_id : undefined
    let device = isId(properties.$device_id) ? withoutPrefix(properties.$device_id) : undefined
    if (user === undefined && device === undefined && id !== undefined) {
      if (id.startsWith(DEVICE)) device = withoutPrefix(id)
      else user = id
    }
    if (user !== undefined && device !== undefined && !this.#links.has(DEVICE + device)) {
      this.#link(DEVICE + device, user, now)
    }
    const personId = user ?? (device === undefined ? undefined : DEVICE + device)
    const ids = Object.entries({ distinct_id: personId, $user_id: user, $device_id: device })
    return Object.fromEntries(ids.flatMap(([name, id]) => (id === undefined ? [] : [[name, JSON.stringify(id)]])))
  }

  /** Links two ids, or returns why not. */
  #link(from: unknown, to: unknown, now: number): string | undefined {
    if (!isId(from) || !isId(to)) return 'errMissingDistinctId'
    const [child, parent] = [this.#follow(from), this.#follow(to)]
    const size = (this.#sizes.get(child) ?? 1) + (this.#sizes.get(parent) ?? 1)
    if (child === parent) return undefined
    if (this.mode === 'original' && size > CLUSTER_MAX) return 'errClusterTooLarge'
    this.#links.set(child, { to: parent, since: now })
    this.#sizes.set(parent, size)
    // In a simplified project, a device keeps its own profile.
    if (this.mode === 'original') this.#onLink(child, parent)
    return undefined
  }

  #follow(id: string, until = Number.POSITIVE_INFINITY): string {
    let at = id
    for (let link = this.#links.get(at); link !== undefined && link.since <= until; link = this.#links.get(at)) {
      at = link.to
    }
    return at
  }
}

function withoutPrefix(device: string): string {
  return device.startsWith(DEVICE) ? device.slice(DEVICE.length) : device
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
