import { MixloadError } from '../../lib/core/errors.ts'
import { parseJson } from '../../lib/core/json.ts'
import type { BigQueryClient } from './api/client.ts'
import { type JsonObject, objectOf, textOf } from './api/json.ts'
import type { Table, Tables } from './api/tables.ts'
import { decodePendingLoads, encodePendingLoads, type PendingLoad } from './jobs/pending-loads.ts'
import { isKnownDead, type LeaseOwner, leaseOwnerIn, nameOf } from './lease/lease-owner.ts'
import { LEASE } from './ledger.ts'

const NOTE = 'Which run of mixload uses this dataset, and what it is loading. Kept by mixload: do not change it.'
/** docs.cloud.google.com/bigquery/quotas, "Maximum length of a table description". */
const DESCRIPTION_CHARACTERS_MAX = 16_384
/** How long the release may delay the end of a run. */
const RELEASE_MS = 15_000
/** How often the lease is read again when other runs change it at the same time. */
const TRIES = 5

/**
 * The run lock: a note in the description of a table. BigQuery's API has one operation that only
 * one of two runs can do: to change a table on the condition that nobody has changed it since
 * (If-Match). It is free of charge. The lease holds for some minutes and is renewed while the run
 * lives, so a run that was killed keeps others out no longer than that. Its times are the server's.
 * The note also says what is being loaded, for the run that comes after one that was killed.
 */
export class Lease {
  readonly #tables: Tables
  readonly #client: BigQueryClient
  readonly #place: string
  readonly #owner: LeaseOwner
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

  /** @param place where the dataset is, for messages. */
  constructor(tables: Tables, place: string, owner: LeaseOwner) {
    this.#tables = tables
    this.#client = tables.client
    this.#place = place
    this.#owner = owner
  }

  /**
   * Takes the lease.
   * @returns what the previous run has left unsettled. It stays in the note until {@link note}
   *   replaces it.
   * @throws MixloadError DESTINATION_BUSY naming the owner.
   */
  async take(signal: AbortSignal): Promise<readonly PendingLoad[]> {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const table = await this.#tables.get(LEASE, signal)
      const found = readNote(table?.description ?? '')
      this.#assertFree(found)
      this.#since = new Date(this.#client.serverNow).toISOString()
      const description = this.#describe(found.pending)
      if (table === undefined) {
        // The next attempt reads it, and sees whether another run was faster.
        await this.#tables.create(LEASE, leaseTable(description), signal)
        continue
      }
      const isOurs = found.owner?.id === this.#owner.id
      const taken = isOurs ? table : await this.#tables.change(LEASE, table, { description }, signal)
      if (taken === undefined) continue
      this.#hold(taken)
      this.#pending = found.pending
      this.#lostTo = undefined
      this.#timer ??= setInterval(() => void this.#renew().catch(() => {}), this.#client.timing.renewMs).unref()
      return found.pending
    }
    throw new MixloadError('DESTINATION_BUSY', `Other runs are taking ${this.#place} at this moment. Run again.`)
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

  /** The pending loads are settled. The note says so at its next change, which is soon enough. */
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
    if (age < 2 * this.#client.timing.renewMs) return
    await this.#serialized(() => this.#write(this.#describe(this.#pending), signal))
  }

  /**
   * Releases the lease; if it cannot be released now, it expires. Pending loads stay in the note,
   * for the next run to settle.
   */
  async release(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    const signal = AbortSignal.timeout(RELEASE_MS)
    const released = this.#serialized(async () => {
      if (this.#table === undefined || this.#lostTo !== undefined) return
      const table = this.#table
      this.#table = undefined
      const description = JSON.stringify({ note: NOTE, pending: encodePendingLoads(this.#pending) })
      await this.#tables.change(LEASE, table, { description }, signal)
    })
    await released.catch(() => {})
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
    for (let attempt = 0; attempt < TRIES; attempt++) {
      this.#assertNotLost()
      if (this.#table === undefined) throw new MixloadError('DESTINATION_FAILED', 'The lease is not held.')
      const changed = await this.#tables.change(LEASE, this.#table, { description }, signal)
      if (changed !== undefined) return this.#hold(changed)
      // Another run has the lease, or our change was made and its answer lost, or the table was
      // changed in other ways.
      const found = await this.#tables.get(LEASE, signal)
      const note = readNote(found?.description ?? '')
      if (found === undefined || note.owner?.id !== this.#owner.id) {
        this.#lostTo = note.owner === undefined ? 'an unknown run' : nameOf(note.owner)
      } else if (found.description === description) return this.#hold(found)
      else this.#table = found
    }
    this.#assertNotLost()
    throw new MixloadError('DESTINATION_UNAVAILABLE', `The lease of ${this.#place} could not be renewed.`)
  }

  #hold(table: Table): void {
    this.#table = table
    this.#renewedAt = { steady: performance.now(), wall: Date.now() }
  }

  #describe(pending: readonly PendingLoad[]): string {
    const { serverNow, timing } = this.#client
    // Runs of every version of mixload read these names.
    return JSON.stringify({
      note: NOTE,
      owner: this.#owner,
      since: this.#since,
      expiresAt: new Date(serverNow + timing.leaseMs).toISOString(),
      pending: encodePendingLoads(pending),
    })
  }

  #assertFree({ owner, since, expiresAt }: LeaseNote): void {
    if (owner === undefined || owner.id === this.#owner.id || isKnownDead(owner)) return
    if (expiresAt <= this.#client.serverNow) return
    throw new MixloadError(
      'DESTINATION_BUSY',
      `${this.#place} is in use by ${nameOf(owner)} since ${since}. Wait for it to end. ` +
        `If it was killed, its lease expires at ${new Date(expiresAt).toISOString()}.`,
    )
  }

  #assertNotLost(): void {
    if (this.#lostTo === undefined) return
    throw new MixloadError(
      'DESTINATION_BUSY',
      `${this.#place} was taken over by ${this.#lostTo}, because this run did not renew its lease in time.`,
    )
  }
}

type LeaseNote = ReturnType<typeof readNote>

/** A note that is empty, or was changed by hand, has no owner: then nobody holds the lease. */
function readNote(description: string) {
  const note = objectOf(parseJson(description))
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
