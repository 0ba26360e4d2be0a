import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { IngestClient } from '../../lib/ingest/client.ts'
import type { IngestOptions } from '../../lib/ingest/client-options.ts'
import { createClient } from '../../lib/ingest/clients.ts'
import type { IngestEvent } from '../../lib/ingest/report.ts'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../lib/simulator/index.ts'
import { exported, lines } from '../simulator/asking.ts'

export const TOKEN = 'the-project-token'

/** A stored event as an export has it. */
export interface Stored {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
}

/** A simulator and clients that send to it. */
export class Sending implements AsyncDisposable {
  readonly simulator: Simulator
  readonly directory: string
  /** What clients have told, in order. */
  readonly told: IngestEvent[] = []

  private constructor(simulator: Simulator, directory: string) {
    this.simulator = simulator
    this.directory = directory
  }

  static async start(options: SimulatorOptions = {}): Promise<Sending> {
    const directory = await mkdtemp(join(tmpdir(), 'mixload-ingest-'))
    const limits = { requestsPerHour: 0, requestsPerSecond: 0 }
    return new Sending(await startSimulator({ ...limits, token: TOKEN, ...options }), directory)
  }

  /** A client that tries again at once. */
  client(options: Partial<IngestOptions> = {}): IngestClient {
    return createClient({
      token: TOKEN,
      apiUrl: this.simulator.url,
      lingerMs: 20,
      retry: { retries: { NETWORK_FAILED: 3, SERVER_FAILED: 3, RATE_LIMITED: 3 }, firstDelayMs: 1, delayMaxMs: 5 },
      tell: (event) => void this.told.push(event),
      ...options,
    })
  }

  get spool(): string {
    return join(this.directory, 'spool')
  }

  /** All events, in the order of their `n`. */
  async stored(): Promise<readonly Stored[]> {
    const today = new Date().toISOString().slice(0, 10)
    const { text } = await exported(this.simulator, '1971-01-01', today)
    const events = lines(text).map((line): Stored => JSON.parse(line))
    return events.sort((one, other) => Number(one.properties.n ?? 1e9) - Number(other.properties.n ?? 1e9))
  }

  /** Requests to a path so far. */
  requests(path: string): number {
    return this.simulator.requests.filter((request) => request.path === path).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.simulator.close()
    await rm(this.directory, { recursive: true, force: true })
  }
}
