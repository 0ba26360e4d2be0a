interface Closable {
  close(): Promise<unknown>
}

/** Those by which a process is asked to end. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** What is to close when the process has nothing else to do, or is asked to end. */
const OPEN = new Set<Closable>()
const ASKED = new Set<Closable>()

let isListening = false

/**
 * Has this closed before the process ends by itself, until {@link forget}; with `onSignals` also before it ends because it
 * is asked to. One listener serves all.
 */
export function closeAtEnd(one: Closable, onSignals: boolean): void {
  OPEN.add(one)
  if (!isListening) {
    isListening = true
    process.on('beforeExit', () => void closeAll(OPEN))
  }
  if (!onSignals) return
  if (ASKED.size === 0) for (const signal of SIGNALS) process.on(signal, endBy)
  ASKED.add(one)
}

/** It closes itself, or has: the end of the process is none of its concern any more. */
export function forget(one: Closable): void {
  OPEN.delete(one)
  ASKED.delete(one)
  if (ASKED.size === 0) stopListening()
}

/** Closes, and then lets the signal do what it would have done. A second one does that at once. */
function endBy(signal: NodeJS.Signals): void {
  // Where the program listens, too, it decides when the process ends.
  const isOurs = process.listenerCount(signal) === 1
  const all = closeAll(ASKED)
  stopListening()
  if (isOurs) void all.then(() => process.kill(process.pid, signal))
}

function stopListening(): void {
  for (const signal of SIGNALS) process.off(signal, endBy)
}

async function closeAll(some: ReadonlySet<Closable>): Promise<void> {
  // A failure has been told, and there is nobody left to be told again.
  await Promise.allSettled([...some].map((one) => one.close()))
}
