/** How the Engage query answers where Mixpanel's own way is not known, or can be chosen. */
export interface EngageOptions {
  /** Profiles of a page when the request does not say; 1000 when left out, as Mixpanel has it. */
  readonly pageSize?: number | undefined
  /** The most that a request may ask for; 10000 when left out. */
  readonly pageSizeMax?: number | undefined
  /** Whether pages after the first have `total` and `page_size`, too; false when left out, as has been seen. */
  readonly totalOnEveryPage?: boolean | undefined
  /** How long a session can be paged through; 3600 when left out. */
  readonly sessionSeconds?: number | undefined
  /** So many profiles of each page are on the next page again; 0 when left out. */
  readonly repeatedPerPage?: number | undefined
  /** What an empty `output_properties` list means; none when left out. */
  readonly emptyOutputProperties?: 'none' | 'all' | undefined
}

/** Sessions kept at once; the oldest goes first. */
const SESSIONS_MAX = 100

/** A query's profiles, frozen when its first page was asked for; what they hold is looked up page by page. */
export interface EngageSession {
  readonly id: string
  /** What was asked for, in a text to compare. */
  readonly query: string
  readonly distinctIds: readonly string[]
  readonly pageSize: number
}

/** The sessions of Engage queries, until they expire or are lost. */
export class EngageSessions {
  readonly #sessions = new Map<string, EngageSession & { readonly endsAt: number }>()
  readonly #lifetimeMs: number
  #made = 0

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs
  }

  /** Begins a session; `now` is in milliseconds. */
  start(session: Omit<EngageSession, 'id'>, now: number): EngageSession {
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size < SESSIONS_MAX) break
      this.#sessions.delete(oldest)
    }
    this.#made++
    const id = `${Math.floor(now / 1000)}-${this.#made.toString(36).padStart(6, 'x')}`
    const started = { ...session, id, endsAt: now + this.#lifetimeMs }
    this.#sessions.set(id, started)
    return started
  }

  /** The session, unless it is over or was begun for another query. */
  find(id: string, query: string, now: number): EngageSession | undefined {
    const session = this.#sessions.get(id)
    return session !== undefined && session.query === query && now < session.endsAt ? session : undefined
  }

  forget(id: string): void {
    this.#sessions.delete(id)
  }

  /** Loses every session: the next page of each is refused. */
  clear(): void {
    this.#sessions.clear()
  }
}
