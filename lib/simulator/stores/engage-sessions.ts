/** How many sessions are kept. The oldest is removed first. */
const SESSIONS_MAX = 100

/** A query. Its list of profiles is fixed, and their properties are read page by page. */
export interface EngageSession {
  readonly id: string
  /** The parameters, as a text to compare. */
  readonly query: string
  readonly distinctIds: readonly string[]
  readonly pageSize: number
}

/** The sessions of Engage queries. */
export class EngageSessions {
  readonly #sessions = new Map<string, EngageSession & { readonly endsAt: number }>()
  readonly #lifetimeMs: number
  #count = 0

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs
  }

  /** Starts a session. `now` is in milliseconds. */
  start(session: Omit<EngageSession, 'id'>, now: number): EngageSession {
    const [oldest] = this.#sessions.keys()
    if (oldest !== undefined && this.#sessions.size >= SESSIONS_MAX) this.#sessions.delete(oldest)
    const id = `${Math.floor(now / 1000)}-${(++this.#count).toString(36).padStart(6, 'x')}`
    const started = { ...session, id, endsAt: now + this.#lifetimeMs }
    this.#sessions.set(id, started)
    return started
  }

  /** Returns a session, unless it has expired or belongs to another query. */
  find(id: string, query: string, now: number): EngageSession | undefined {
    const session = this.#sessions.get(id)
    return session !== undefined && session.query === query && now < session.endsAt ? session : undefined
  }

  forget(id: string): void {
    this.#sessions.delete(id)
  }

  /** Removes all sessions: the next page of each is rejected. */
  clear(): void {
    this.#sessions.clear()
  }
}
