import { RequestBudget } from '../../lib/mixpanel/budget.ts'

/**
 * Run as a process of its own: takes requests from the budget until one would have to wait, and
 * prints how many.
 */
const [directory = '', perHour = '0'] = process.argv.slice(2)
const abort = new AbortController()
const budget = new RequestBudget(directory, 'shared', { perHour: Number(perHour), perSecond: 0 }, () => abort.abort())
let taken = 0
try {
  for (;;) {
    await budget.acquire(abort.signal)
    taken++
  }
} catch (error) {
  if (!abort.signal.aborted) throw error
}
process.stdout.write(String(taken))
