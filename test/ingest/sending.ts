import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { IngestClient } from '../../lib/ingest/client.ts'
import type { IngestOptions } from '../../lib/ingest/client-options.ts'
import { createClient } from '../../lib/ingest/named-clients.ts'
import type { DeliveryNotice } from '../../lib/ingest/report.ts'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../lib/simulator/index.ts'
import { lines, requestExport } from '../simulator/requests.ts'

export const TOKEN = 'the-project-token'

/** A stored event, as an export returns it. */
export interface StoredEvent {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
}

/** A simulator, and clients that send to it. */
export class Sending implements AsyncDisposable {
  readonly simulator: Simulator
  readonly directory: string
  /** The notices of all clients, in order. */
  readonly notices: DeliveryNotice[] = []

  private constructor(simulator: Simulator, directory: string) {
    this.simulator = simulator
    this.directory = directory
  }

  static async start(options: SimulatorOptions = {}): Promise<Sending> {
    const directory = await mkdtemp(join(tmpdir(), 'mixload-ingest-'))
    const limits = { requestsPerHour: 0, requestsPerSecond: 0 }
    return new Sending(await startSimulator({ ...limits, token: TOKEN, ...options }), directory)
  }

  /** A client that retries almost immediately. */
  client(options: Partial<IngestOptions> = {}): IngestClient {
    return createClient({
      token: TOKEN,
      apiUrl: this.simulator.url,
      lingerMs: 20,
      retry: { retries: { NETWORK_FAILED: 3, SERVER_FAILED: 3, RATE_LIMITED: 3 }, firstDelayMs: 1, delayMaxMs: 5 },
      onNotice: (notice) => void this.notices.push(notice),
      ...options,
    })
  }

  get spool(): string {
    return join(this.directory, 'spool')
  }

  /** All stored events, ordered by their property `n`. */
  async stored(): Promise<readonly StoredEvent[]> {
    const today = new Date().toISOString().slice(0, 10)
    const { text } = await requestExport(this.simulator, '1971-01-01', today)
    const events = lines(text).map((line): StoredEvent => JSON.parse(line))
    return events.sort((a, b) => Number(a.properties.n ?? 1e9) - Number(b.properties.n ?? 1e9))
  }

  /** How many requests there were to a path. */
  requests(path: string): number {
    return this.simulator.requests.filter((request) => request.path === path).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.simulator.close()
    await rm(this.directory, { recursive: true, force: true })
  }
}
