import type { StreamPlan } from './stream-plan.ts'
import type { StreamResult } from './tally.ts'

/** The results of streams that are loaded side by side, reported in the order of their plans. */
export class OrderedResults {
  readonly #plans: readonly StreamPlan[]
  readonly #onResult: (result: StreamResult) => void
  readonly #known = new Map<StreamPlan, StreamResult>()
  #reported = 0

  constructor(plans: readonly StreamPlan[], onResult: (result: StreamResult) => void) {
    this.#plans = plans
    this.#onResult = onResult
  }

  /** Those that are known. */
  get all(): readonly StreamResult[] {
    return this.#plans.flatMap((plan) => this.#known.get(plan) ?? [])
  }

  /** Adds a result, and reports those that are next in order. */
  add(plan: StreamPlan, result: StreamResult): void {
    this.#known.set(plan, result)
    while (this.#reported < this.#plans.length && this.#known.has(this.#plans[this.#reported] as StreamPlan)) {
      this.#reportNext()
    }
  }

  /** Reports what is known and was not reported, because an earlier stream has no result. */
  end(): void {
    while (this.#reported < this.#plans.length) this.#reportNext()
  }

  #reportNext(): void {
    const plan = this.#plans[this.#reported++]
    const result = plan && this.#known.get(plan)
    if (result !== undefined) this.#onResult(result)
  }
}
