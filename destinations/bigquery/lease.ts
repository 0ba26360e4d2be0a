import { MixloadError } from '../../lib/errors.ts'
import { type Answer, objectOf, textOf } from './answers.ts'
import type { BigQueryClient } from './client.ts'
import { type Holder, holderOf, isKnownDead, nameOf } from './holder.ts'
import { type Intent, notedIntents, readIntents } from './intents.ts'
import { LEASE } from './ledger.ts'
import type { Table, Tables } from './tables.ts'
import type { Timing } from './timing.ts'

const NOTE = 'Which run of mixload has this dataset, and what it is loading. Kept by mixload: leave it as it is.'
/** docs.cloud.google.com/bigquery/quotas, "Maximum length of a table description". */
const DESCRIPTION_CHARACTERS_MAX = 16_384
/** How often the lease is looked at anew when others change it in the same moment. */
const TRIES = 5

export interface LeaseOptions {
  readonly client: BigQueryClient
  readonly tables: Tables
  readonly timing: Timing
  /** Where the dataset is, for messages. */
  readonly place: string
  readonly holder: Holder
}

/**
 * The run lock: a note in the description of a table. Changing it on the condition that nobody has changed it since
 * (If-Match) is the one step of BigQuery's API that only one of two can do, and it costs nothing. It holds for some
 * minutes, and is renewed while the run lives, so that a run that was killed keeps others out no longer than that. Times
 * are the server's. Beside its holder the note says what is being loaded, for whoever comes after a run that was killed.
 */
export class Lease {
  readonly #options: LeaseOptions
  /** The table as this run has left it; undefined while the lease is not held. */
  #table: Table | undefined
  #pending: readonly Intent[] = []
  #since = ''
  /** When it was renewed last, by the clock that never goes back and by the one that goes on while the machine sleeps. */
  #renewedAt = { steady: 0, wall: 0 }
  #lostTo: string | undefined
  #timer: NodeJS.Timeout | undefined
  /** Changes are made one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: LeaseOptions) {
    this.#options = options
  }

  /** False also after another run has taken it over. */
  get isHeld(): boolean {
    return this.#table !== undefined && this.#lostTo === undefined
  }

  /**
   * Takes the lease.
   * @returns what the run before has left unsettled. It stays noted until {@link note} says otherwise.
   * @throws MixloadError DESTINATION_BUSY naming who has it.
   */
  async take(signal: AbortSignal): Promise<readonly Intent[]> {
    const { tables, timing } = this.#options
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const table = await tables.get(LEASE, signal)
      const found = readNote(table?.description ?? '')
      this.#assertFree(found)
      this.#since = new Date(this.#options.client.serverNow).toISOString()
      const description = this.#describe(found.pending)
      if (table === undefined) {
        // Whoever was faster is seen when it is looked at again.
        await tables.create(LEASE, leaseTable(description), signal)
        continue
      }
      const isMine = found.holder?.id === this.#options.holder.id
      const taken = isMine ? table : await tables.change(LEASE, table, { description }, signal)
      if (taken === undefined) continue
      this.#hold(taken)
      this.#pending = found.pending
      this.#lostTo = undefined
      this.#timer ??= setInterval(() => void this.#renew().catch(() => {}), timing.renewMs).unref()
      return found.pending
    }
    throw new MixloadError('DESTINATION_BUSY', `Other runs are taking ${this.#options.place} in this moment.`)
  }

  /** Notes what is being loaded, and makes sure that the lease is still held. */
  async note(pending: readonly Intent[], signal?: AbortSignal): Promise<void> {
    await this.#inTurn(async () => {
      const description = this.#describe(pending)
      if (description.length > DESCRIPTION_CHARACTERS_MAX) {
        throw new MixloadError(
          'DESTINATION_FAILED',
          'The names of the events that are asked for are too many to be noted in BigQuery: ask for fewer at a time.',
        )
      }
      await this.#write(description, signal)
      this.#pending = pending
    })
  }

  /** What was noted is settled. The note itself says so with its next change: until then it does no harm. */
  settled(): void {
    this.#pending = []
  }

  /**
   * Fails where the lease is no longer held. Renews it where it is about to end, as after the machine has slept.
   * @throws MixloadError DESTINATION_BUSY.
   */
  async assertHeld(signal?: AbortSignal): Promise<void> {
    this.#assertNotLost()
    const { steady, wall } = this.#renewedAt
    const age = Math.max(performance.now() - steady, Date.now() - wall)
    if (age < 2 * this.#options.timing.renewMs) return
    await this.#inTurn(() => this.#write(this.#describe(this.#pending), signal))
  }

  /** Gives it up. What is pending stays noted, for the next run to settle. */
  async release(signal?: AbortSignal): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    await this.#inTurn(async () => {
      if (this.#table === undefined || this.#lostTo !== undefined) return
      const table = this.#table
      this.#table = undefined
      const description = JSON.stringify({ note: NOTE, pending: notedIntents(this.#pending) })
      await this.#options.tables.change(LEASE, table, { description }, signal)
    })
  }

  async #renew(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#table !== undefined && this.#lostTo === undefined) await this.#write(this.#describe(this.#pending))
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work)
    this.#last = mine.catch(() => {})
    return mine
  }

  async #write(description: string, signal?: AbortSignal): Promise<void> {
    const { tables } = this.#options
    for (let attempt = 0; attempt < TRIES; attempt++) {
      this.#assertNotLost()
      if (this.#table === undefined) throw new MixloadError('DESTINATION_FAILED', 'The lease is not held.')
      const changed = await tables.change(LEASE, this.#table, { description }, signal)
      if (changed !== undefined) return this.#hold(changed)
      // Somebody else has it; or the change was made, and its answer lost; or the table was changed in other ways.
      const found = await tables.get(LEASE, signal)
      const { holder } = readNote(found?.description ?? '')
      if (found === undefined || holder?.id !== this.#options.holder.id) {
        this.#lostTo = holder === undefined ? 'nobody' : nameOf(holder)
      } else if (found.description === description) return this.#hold(found)
      else this.#table = found
    }
    this.#assertNotLost()
    throw new MixloadError('DESTINATION_UNAVAILABLE', `The lease of ${this.#options.place} could not be renewed.`)
  }

  #hold(table: Table): void {
    this.#table = table
    this.#renewedAt = { steady: performance.now(), wall: Date.now() }
  }

  #describe(pending: readonly Intent[]): string {
    const { client, timing } = this.#options
    const expiresAt = new Date(client.serverNow + timing.leaseMs).toISOString()
    return JSON.stringify({
      note: NOTE,
      holder: this.#options.holder,
      since: this.#since,
      expiresAt,
      pending: notedIntents(pending),
    })
  }

  #assertFree({ holder, since, expiresAt }: LeaseNote): void {
    if (holder === undefined || holder.id === this.#options.holder.id || isKnownDead(holder)) return
    if (expiresAt <= this.#options.client.serverNow) return
    const until = new Date(expiresAt).toISOString()
    throw new MixloadError(
      'DESTINATION_BUSY',
      `${this.#options.place} is held by ${nameOf(holder)} since ${since}. Wait for it to end; ` +
        `if it was killed, its hold ends by itself at ${until}.`,
    )
  }

  #assertNotLost(): void {
    if (this.#lostTo === undefined) return
    throw new MixloadError(
      'DESTINATION_BUSY',
      `${this.#options.place} was taken over by ${this.#lostTo}, because this run had not been heard of for a while.`,
    )
  }
}

interface LeaseNote {
  readonly holder: Holder | undefined
  readonly since: string
  readonly expiresAt: number
  readonly pending: readonly Intent[]
}

function readNote(description: string): LeaseNote {
  let note: Answer
  try {
    note = objectOf(JSON.parse(description))
  } catch {
    // Empty, or changed by hand: then nobody can say that it is held.
    return { holder: undefined, since: '', expiresAt: 0, pending: [] }
  }
  return {
    holder: holderOf(objectOf(note.holder)),
    since: textOf(note.since) ?? 'some time ago',
    expiresAt: Date.parse(textOf(note.expiresAt) ?? '') || 0,
    pending: readIntents(note.pending),
  }
}

function leaseTable(description: string): Answer {
  return { description, schema: { fields: [{ name: 'unused', type: 'STRING' }] } }
}
