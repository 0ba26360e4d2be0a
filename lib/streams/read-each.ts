import { isFailure } from '../core/errors.ts'
import { UnknownForm } from './answer.ts'
import { requestsAtOnce } from './at-once.ts'
import type { LeftOutItem, LineBatch, StreamContext } from './stream.ts'

/**
 * Reads the items of a list, such as funnels, in their order. Those that follow are read up to
 * their first lines at the same time. One that Mixpanel refuses, or that has an unknown form, is
 * skipped: it may be deleted or broken. If that is true of all, something else is wrong, so nothing
 * is replaced.
 */
export async function* readEach<Item extends Omit<LeftOutItem, 'error'>>(
  context: StreamContext,
  items: readonly Item[],
  read: (context: StreamContext, item: Item) => AsyncIterable<LineBatch>,
): AsyncGenerator<LineBatch, void, undefined> {
  const stop = new AbortController()
  const own = withSignal(context, AbortSignal.any([context.signal, stop.signal]))
  const waiting = items.map((item) => ({ item, lines: new LinesAhead(read(own, item)) }))
  const started: typeof waiting = []
  let refused = 0
  try {
    for (;;) {
      while (waiting.length > 0 && started.length < requestsAtOnce(context.settings)) {
        const next = waiting.shift() as (typeof waiting)[number]
        next.lines.start()
        started.push(next)
      }
      const current = started[0]
      if (current === undefined) return
      try {
        yield* current.lines
      } catch (error) {
        const isOfItem = isFailure(error, 'NOT_FOUND', 'REQUEST_REFUSED') || error instanceof UnknownForm
        if (!isOfItem || ++refused === items.length) throw error
        const { name, id } = current.item
        context.leaveOut({ name, id, error })
      }
      started.shift()
    }
  } finally {
    stop.abort()
    for (const { lines } of started) await lines.end()
  }
}

/** The lines of an item, the first of which may be read ahead. */
class LinesAhead implements AsyncIterable<LineBatch> {
  readonly #lines: AsyncIterator<LineBatch>
  #first: Promise<IteratorResult<LineBatch>> | undefined

  constructor(lines: AsyncIterable<LineBatch>) {
    this.#lines = lines[Symbol.asyncIterator]()
  }

  start(): void {
    this.#first = this.#lines.next()
    // It is awaited later; until then its failure must not count as unhandled.
    this.#first.catch(() => {})
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LineBatch, void, undefined> {
    let next = await this.#first
    for (; next !== undefined && !next.done; next = await this.#lines.next()) yield next.value
  }

  /** To be called once its signal has been aborted. */
  async end(): Promise<void> {
    await this.#first?.catch(() => {})
    await this.#lines.return?.()
  }
}

function withSignal(context: StreamContext, signal: AbortSignal): StreamContext {
  return { ...context, signal, ask: (request, read, ending = signal) => context.ask(request, read, ending) }
}
