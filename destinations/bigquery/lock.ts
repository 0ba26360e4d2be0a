import { MixloadError } from '../../lib/core/errors.ts'
import type { BigQueryClient } from './api/client.ts'
import { type JsonObject, objectOf, textOf } from './api/json.ts'
import type { Table, Tables } from './api/tables.ts'
import type { Timing } from './api/timing.ts'
import { decodePendingLoads, encodePendingLoads, type PendingLoad } from './jobs/pending-loads.ts'
import { isKnownDead, type LeaseOwner, leaseOwnerIn, nameOf } from './lease/lease-owner.ts'
import { LEASE } from './ledger.ts'

const NOTE = 'Which run of mixload uses this dataset, and what it is loading. Kept by mixload: do not change it.'
/** docs.cloud.google.com/bigquery/quotas, "Maximum length of a table description". */
const DESCRIPTION_CHARACTERS_MAX = 16_384
/** How often the lease is read again when other runs change it at the same time. */
const TRIES = 5

export interface LeaseOptions {
  readonly client: BigQueryClient
  readonly tables: Tables
  readonly timing: Timing
  /** Where the dataset is, for messages. */
  readonly place: string
  readonly owner: LeaseOwner
}

/**
 * The run lock: a note in the description of a table. BigQuery's API has one operation that only
 * one of two runs can do: to change a table on the condition that nobody has changed it since
 * (If-Match). It is free of charge. The lease holds for some minutes and is renewed while the run
 * lives, so a run that was killed keeps others out no longer than that. Its times are the server's.
 * The note also says what is being loaded, for the run that comes after one that was killed.
 */
export class Lease {
  readonly #options: LeaseOptions
  /** The table as this run has left it; undefined while the lease is not held. */
  #table: Table | undefined
  #pending: readonly PendingLoad[] = []
  #since = ''
  /**
   * The last renewal, by the monotonic clock and by the one that goes on while the machine sleeps.
   */
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
   * @returns what the previous run has left unsettled. It stays in the note until {@link note}
   *   replaces it.
   * @throws MixloadError DESTINATION_BUSY naming the owner.
   */
  async take(signal: AbortSignal): Promise<readonly PendingLoad[]> {
    const { tables, timing } = this.#options
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const table = await tables.get(LEASE, signal)
      const found = readNote(table?.description ?? '')
      this.#assertFree(found)
      this.#since = new Date(this.#options.client.serverNow).toISOString()
      const description = this.#describe(found.pending)
      if (table === undefined) {
        // The next attempt reads it, and sees whether another run was faster.
        await tables.create(LEASE, leaseTable(description), signal)
        continue
      }
      const isOurs = found.owner?.id === this.#options.owner.id
      const taken = isOurs ? table : await tables.change(LEASE, table, { description }, signal)
      if (taken === undefined) continue
      this.#hold(taken)
      this.#pending = found.pending
      this.#lostTo = undefined
      this.#timer ??= setInterval(() => void this.#renew().catch(() => {}), timing.renewMs).unref()
      return found.pending
    }
    throw new MixloadError(
      'DESTINATION_BUSY',
      `Other runs are taking ${this.#options.place} at this moment. Run again.`,
    )
  }

  /** Notes what is being loaded, and makes sure that the lease is still held. */
  async note(pending: readonly PendingLoad[], signal?: AbortSignal): Promise<void> {
    await this.#serialized(async () => {
      const description = this.#describe(pending)
      if (description.length > DESCRIPTION_CHARACTERS_MAX) {
        throw new MixloadError(
          'DESTINATION_FAILED',
          'The names of the selected events are too long to be noted in BigQuery: ask for fewer events at a time.',
        )
      }
      await this.#write(description, signal)
      this.#pending = pending
    })
  }

  /**
   * The pending loads are settled. The next change of the note says so; until then it does no harm.
   */
  settled(): void {
    this.#pending = []
  }

  /**
   * Fails if the lease is no longer held. Renews it if it is about to expire, as after the machine
   * has slept.
   * @throws MixloadError DESTINATION_BUSY.
   */
  async assertHeld(signal?: AbortSignal): Promise<void> {
    this.#assertNotLost()
    const { steady, wall } = this.#renewedAt
    const age = Math.max(performance.now() - steady, Date.now() - wall)
    if (age < 2 * this.#options.timing.renewMs) return
    await this.#serialized(() => this.#write(this.#describe(this.#pending), signal))
  }

  /** Releases the lease. Pending loads stay in the note, for the next run to settle. */
  async release(signal?: AbortSignal): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    await this.#serialized(async () => {
      if (this.#table === undefined || this.#lostTo !== undefined) return
      const table = this.#table
      this.#table = undefined
      const description = JSON.stringify({ note: NOTE, pending: encodePendingLoads(this.#pending) })
      await this.#options.tables.change(LEASE, table, { description }, signal)
    })
  }

  async #renew(): Promise<void> {
    await this.#serialized(async () => {
      if (this.#table !== undefined && this.#lostTo === undefined) await this.#write(this.#describe(this.#pending))
    })
  }

  #serialized<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => {})
    return result
  }

  async #write(description: string, signal?: AbortSignal): Promise<void> {
    const { tables, owner, place } = this.#options
    for (let attempt = 0; attempt < TRIES; attempt++) {
      this.#assertNotLost()
      if (this.#table === undefined) throw new MixloadError('DESTINATION_FAILED', 'The lease is not held.')
      const changed = await tables.change(LEASE, this.#table, { description }, signal)
      if (changed !== undefined) return this.#hold(changed)
      // Another run has the lease, or our change was made and its answer lost, or the table was
      // changed in other ways.
      const found = await tables.get(LEASE, signal)
      const note = readNote(found?.description ?? '')
      if (found === undefined || note.owner?.id !== owner.id) {
        this.#lostTo = note.owner === undefined ? 'an unknown run' : nameOf(note.owner)
      } else if (found.description === description) return this.#hold(found)
      else this.#table = found
    }
    this.#assertNotLost()
    throw new MixloadError('DESTINATION_UNAVAILABLE', `The lease of ${place} could not be renewed.`)
  }

  #hold(table: Table): void {
    this.#table = table
    this.#renewedAt = { steady: performance.now(), wall: Date.now() }
  }

  #describe(pending: readonly PendingLoad[]): string {
    const { client, timing, owner } = this.#options
    const expiresAt = new Date(client.serverNow + timing.leaseMs).toISOString()
    // Runs of every version of mixload read these names.
    return JSON.stringify({
      note: NOTE,
      owner,
      since: this.#since,
      expiresAt,
      pending: encodePendingLoads(pending),
    })
  }

  #assertFree({ owner, since, expiresAt }: LeaseNote): void {
    if (owner === undefined || owner.id === this.#options.owner.id || isKnownDead(owner)) return
    if (expiresAt <= this.#options.client.serverNow) return
    throw new MixloadError(
      'DESTINATION_BUSY',
      `${this.#options.place} is in use by ${nameOf(owner)} since ${since}. Wait for it to end. ` +
        `If it was killed, its lease expires at ${new Date(expiresAt).toISOString()}.`,
    )
  }

  #assertNotLost(): void {
    if (this.#lostTo === undefined) return
    throw new MixloadError(
      'DESTINATION_BUSY',
      `${this.#options.place} was taken over by ${this.#lostTo}, because this run did not renew its lease in time.`,
    )
  }
}

interface LeaseNote {
  readonly owner: LeaseOwner | undefined
  readonly since: string
  readonly expiresAt: number
  readonly pending: readonly PendingLoad[]
}

function readNote(description: string): LeaseNote {
  let note: JsonObject
  try {
    note = objectOf(JSON.parse(description))
  } catch {
    // Empty, or changed by hand: then nobody holds it.
    return { owner: undefined, since: '', expiresAt: 0, pending: [] }
  }
  return {
    owner: leaseOwnerIn(objectOf(note.owner)),
    since: textOf(note.since) ?? 'some time ago',
    expiresAt: Date.parse(textOf(note.expiresAt) ?? '') || 0,
    pending: decodePendingLoads(note.pending),
  }
}

function leaseTable(description: string): JsonObject {
  return { description, schema: { fields: [{ name: 'unused', type: 'STRING' }] } }
}
