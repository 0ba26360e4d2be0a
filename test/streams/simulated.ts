import { type Simulator, type SimulatorOptions, startSimulator } from '../../lib/simulator/index.ts'
import type { Stream } from '../../lib/streams/stream.ts'
import { openWorkshop, type RunMore, type Workshop } from '../run/loading.ts'

/** A simulated project, and a warehouse that its streams are loaded into. */
export interface SimulatedProject extends AsyncDisposable {
  readonly simulator: Simulator
  readonly workshop: Workshop
  /** Runs a stream with the project's service account. */
  run(stream: Stream, more?: RunMore): ReturnType<Workshop['run']>
  /** The warnings of all runs. */
  warnings(): readonly string[]
  /** What was left out, and why. */
  leftOut(): readonly string[]
  /** Paths and queries of the requests since the last call. */
  requested(): readonly string[]
}

/** Its today is 31 August 2026. */
export async function simulatedProject(options: SimulatorOptions = {}): Promise<SimulatedProject> {
  const timezone = options.timezone ?? 'UTC'
  const simulator = await startSimulator({ requestsPerHour: 0, today: '2026-08-31', ...options })
  const workshop = await openWorkshop()
  const { projectId, serviceAccount } = simulator.credentials
  let seen = 0
  return {
    simulator,
    workshop,
    run: (stream, { settings, ...more } = {}) =>
      workshop.run(stream, {
        apiUrl: simulator.url,
        credentials: { kind: 'service-account', ...serviceAccount },
        projectId,
        zone: timezone,
        settings: { projectId, serviceAccount: serviceAccount.user, ...settings },
        ...more,
      }),
    warnings: () => workshop.progress.flatMap((event) => (event.kind === 'warning' ? [event.message] : [])),
    leftOut: () =>
      workshop.progress.flatMap((event) =>
        event.kind === 'item-skipped' ? [`${event.name}: ${event.error.message}`] : [],
      ),
    requested() {
      const requests = simulator.requests.slice(seen)
      seen = simulator.requests.length
      return requests.map(({ method, path, query: { project_id: _, ...query } }) => {
        const text = new URLSearchParams(query).toString()
        return text === '' ? `${method} ${path}` : `${method} ${path}?${text}`
      })
    },
    async [Symbol.asyncDispose]() {
      await workshop[Symbol.asyncDispose]()
      await simulator.close()
    },
  }
}
