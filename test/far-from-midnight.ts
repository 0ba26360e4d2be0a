import { setTimeout as sleep } from 'node:timers/promises'

const DAY_MS = 86_400_000
/** Longer than a file of tests takes on a busy machine. */
const MARGIN_MS = 600_000

/**
 * Waits for midnight UTC to pass if it is near. Tests about yesterday or today need the day to stay
 * the same while they run.
 */
export async function farFromMidnight(): Promise<void> {
  const leftMs = DAY_MS - (Date.now() % DAY_MS)
  // Two seconds more, so that events of a moment ago are of today as well.
  if (leftMs < MARGIN_MS) await sleep(leftMs + 2000)
}
