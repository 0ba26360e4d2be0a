interface Closable {
  close(): Promise<unknown>
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

const CLOSE_BEFORE_EXIT = new Set<Closable>()
const CLOSE_ON_SIGNALS = new Set<Closable>()

let isListening = false

/** Closes a resource before the process ends; with `onSignals` also before a signal ends it. */
export function closeAtExit(resource: Closable, onSignals: boolean): void {
  CLOSE_BEFORE_EXIT.add(resource)
  if (!isListening) {
    isListening = true
    process.on('beforeExit', () => void closeAll(CLOSE_BEFORE_EXIT))
  }
  if (!onSignals) return
  if (CLOSE_ON_SIGNALS.size === 0) for (const signal of SIGNALS) process.on(signal, closeAndEnd)
  CLOSE_ON_SIGNALS.add(resource)
}

/** No longer closes a resource when the process ends, because it is closed already. */
export function release(resource: Closable): void {
  CLOSE_BEFORE_EXIT.delete(resource)
  CLOSE_ON_SIGNALS.delete(resource)
  if (CLOSE_ON_SIGNALS.size === 0) stopListening()
}

/** Closes everything, then ends the process by the signal. A second one ends it at once. */
function closeAndEnd(signal: NodeJS.Signals): void {
  // If the program has a listener of its own, the program decides when the process ends.
  const isOnlyListener = process.listenerCount(signal) === 1
  const closed = closeAll(CLOSE_ON_SIGNALS)
  stopListening()
  if (isOnlyListener) void closed.then(() => process.kill(process.pid, signal))
}

function stopListening(): void {
  for (const signal of SIGNALS) process.off(signal, closeAndEnd)
}

async function closeAll(resources: ReadonlySet<Closable>): Promise<void> {
  // Failures were reported as notices or warnings. No caller is left to throw them to.
  await Promise.allSettled([...resources].map((resource) => resource.close()))
}
