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
 * breaks a rule links nothing, without an error.
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

  /** Makes the links of an event. Returns the JSON of the ids that it is stored with. */
  linkIds(event: string, properties: Properties, now: number): Readonly<Record<string, string>> {
    if (this.mode === 'simplified') return this.#simplifiedIds(properties, now)
    const { $identified_id, $anon_id, distinct_id, alias, $distinct_ids } = properties
    const isNewDevice =
      isId($anon_id) && UUID_4.test($anon_id) && !this.#links.has($anon_id) && !this.#sizes.has($anon_id)
    if (event === '$identify' && isNewDevice) this.#link($anon_id, $identified_id ?? distinct_id, now)
    if (event === '$create_alias' && isId(alias) && !this.#links.has(alias)) this.#link(alias, distinct_id, now)
    if (event === '$merge' && Array.isArray($distinct_ids) && $distinct_ids.length === 2) {
      this.#link($distinct_ids[1], $distinct_ids[0], now)
    }
    return {}
  }

  /** Returns the id that an export has for an id at a moment. */
  exportedId(id: string, now: number): string {
    return this.#follow(id, now - this.#lagMs)
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

  #link(from: unknown, to: unknown, now: number): void {
    if (!isId(from) || !isId(to)) return
    const [child, parent] = [this.#follow(from), this.#follow(to)]
    const size = (this.#sizes.get(child) ?? 1) + (this.#sizes.get(parent) ?? 1)
    if (child === parent || (this.mode === 'original' && size > CLUSTER_MAX)) return
    this.#links.set(child, { to: parent, since: now })
    this.#sizes.set(parent, size)
    // In a simplified project, a device keeps its own profile.
    if (this.mode === 'original') this.#onLink(child, parent)
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
