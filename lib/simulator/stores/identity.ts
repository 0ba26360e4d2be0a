/** How a project tells that ids are one person. The third and oldest way, by aliases alone, is not simulated. */
export type IdentityVariant = 'original' | 'simplified'

const IDENTITY_EVENTS = ['$identify', '$create_alias', '$merge']

/** Whether events of this name say who is who. */
export function isIdentityEvent(name: string): boolean {
  return IDENTITY_EVENTS.includes(name)
}

const DEVICE = '$device:'
const CLUSTER_MAX = 500
const UUID_4 = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/i

/** An id that belongs to another one since a moment. */
interface Link {
  readonly to: string
  readonly since: number
}

/** The properties by which an event says whose it is. */
export type IdentityProperties = Readonly<Record<string, unknown>>

/**
 * Who is who in a project. Links are made at once and show in exports later, as Mixpanel re-keys rows late. What breaks
 * a rule is taken without a word and links nothing, which is what Mixpanel does.
 */
export class Identity {
  readonly variant: IdentityVariant
  readonly #lagMs: number
  readonly #links = new Map<string, Link>()
  readonly #sizes = new Map<string, number>()
  /** Told of two ids that have become one. */
  readonly #onLink: (from: string, to: string) => void

  constructor(variant: IdentityVariant, lagMs: number, onLink: (from: string, to: string) => void = () => {}) {
    this.variant = variant
    this.#lagMs = lagMs
    this.#onLink = onLink
  }

  get isEmpty(): boolean {
    return this.#links.size === 0
  }

  /** Takes in what an event says of ids, and gives the properties that it is stored with in the place of its own. */
  arrive(event: string, properties: IdentityProperties, now: number): Readonly<Record<string, string>> {
    if (this.variant === 'simplified') return this.#simplified(properties, now)
    const { $identified_id, $anon_id, distinct_id, alias, $distinct_ids } = properties
    if (event === '$identify') this.#identify($identified_id ?? distinct_id, $anon_id, now)
    if (event === '$create_alias' && isId(alias) && !this.#links.has(alias)) this.#link(alias, distinct_id, now)
    if (event === '$merge' && Array.isArray($distinct_ids) && $distinct_ids.length === 2) {
      this.#link($distinct_ids[1], $distinct_ids[0], now)
    }
    return {}
  }

  /** The id that stands for a person in an export at a moment. */
  exported(id: string, now: number): string {
    return this.#follow(id, now - this.#lagMs)
  }

  /** The id whose profile an update of this id changes. */
  resolved(id: string): string {
    return this.variant === 'simplified' ? id : this.#follow(id, Number.POSITIVE_INFINITY)
  }

  #simplified(properties: IdentityProperties, now: number): Readonly<Record<string, string>> {
    const { distinct_id } = properties
    const given = isId(distinct_id) ? distinct_id : undefined
    let user = isId(properties.$user_id) ? properties.$user_id : undefined
    let device = isId(properties.$device_id) ? withoutPrefix(properties.$device_id) : undefined
    if (user === undefined && device === undefined && given !== undefined) {
      if (given.startsWith(DEVICE)) device = withoutPrefix(given)
      else user = given
    }
    if (user !== undefined && device !== undefined && !this.#links.has(DEVICE + device)) {
      this.#link(DEVICE + device, user, now)
    }
    const id = user ?? (device === undefined ? undefined : DEVICE + device)
    return {
      ...(id === undefined ? {} : { distinct_id: id }),
      ...(user === undefined ? {} : { $user_id: user }),
      ...(device === undefined ? {} : { $device_id: device }),
    }
  }

  #identify(identified: unknown, anonymous: unknown, now: number): void {
    if (!isId(anonymous) || !UUID_4.test(anonymous) || this.#links.has(anonymous) || this.#sizes.has(anonymous)) return
    this.#link(anonymous, identified, now)
  }

  #link(from: unknown, to: unknown, now: number): void {
    if (!isId(from) || !isId(to)) return
    const [child, parent] = [this.#root(from), this.#root(to)]
    const size = this.#sizeOf(child) + this.#sizeOf(parent)
    if (child === parent || (this.variant === 'original' && size > CLUSTER_MAX)) return
    this.#links.set(child, { to: parent, since: now })
    this.#sizes.set(parent, size)
    // In a simplified project, the profile of a device stays that of the device.
    if (this.variant === 'original') this.#onLink(child, parent)
  }

  #root(id: string): string {
    return this.#follow(id, Number.POSITIVE_INFINITY)
  }

  #sizeOf(id: string): number {
    return this.#sizes.get(id) ?? 1
  }

  #follow(id: string, until: number): string {
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
