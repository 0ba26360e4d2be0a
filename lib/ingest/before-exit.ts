interface Closable {
  close(): Promise<unknown>
}

/** What is to close when the process has nothing else to do. */
const OPEN = new Set<Closable>()
let isListening = false

/** Has this closed before the process ends by itself, until {@link noLongerBeforeExit}. One listener serves all. */
export function closeBeforeExit(one: Closable): void {
  OPEN.add(one)
  if (isListening) return
  isListening = true
  process.on('beforeExit', () => {
    // A failure has been told, and there is nobody left to be told again.
    for (const open of OPEN) open.close().catch(() => {})
  })
}

export function noLongerBeforeExit(one: Closable): void {
  OPEN.delete(one)
}
