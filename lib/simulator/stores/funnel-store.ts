import { z } from 'zod'
import { dayNumber } from './clock.ts'
import { fileRecords } from './record-file.ts'

/** A step of a funnel: its event, and whatever else Mixpanel tells of it (`step_label`, `custom_event_id`, …). */
export interface FunnelStep {
  readonly event: string
  readonly [field: string]: unknown
}

/** How far users got at a step: their number, or fields that replace those of the answer, unknown ones too. */
export type StepFigures = number | { readonly count: number; readonly [field: string]: unknown }

/** A saved funnel as a test or a file gives it. */
export interface FunnelInput {
  readonly id: number
  readonly name: string
  readonly steps: readonly (string | FunnelStep)[]
  /** What it says of each day, `yyyy-mm-dd`; a day that is not named has zeros. */
  readonly days?: Readonly<Record<string, readonly StepFigures[]>> | undefined
  /** Whether the answer has a `$overall` among its days, as has been seen. */
  readonly overall?: boolean | undefined
}

/** A funnel as the simulator keeps it. */
export interface Funnel {
  readonly id: number
  readonly name: string
  readonly steps: readonly FunnelStep[]
  readonly days: ReadonlyMap<number, readonly StepFigures[]>
  readonly overall: boolean
}

const stepFigures: z.ZodType<StepFigures> = z.union([z.number(), z.looseObject({ count: z.number() })])

const funnelRecord: z.ZodType<FunnelInput> = z.object({
  id: z.int(),
  name: z.string(),
  steps: z.array(z.union([z.string(), z.looseObject({ event: z.string() })])),
  days: z.record(z.string(), z.array(stepFigures)).optional(),
  overall: z.boolean().optional(),
})

/** The saved funnels of the project. */
export class FunnelStore {
  readonly #funnels = new Map<number, Funnel & { readonly days: Map<number, readonly StepFigures[]> }>()

  get size(): number {
    return this.#funnels.size
  }

  /** Adds a funnel or puts it in the place of the one with its id, days and all. */
  set({ id, name, steps, days = {}, overall = false }: FunnelInput): void {
    const named = steps.map((step) => (typeof step === 'string' ? { event: step } : step))
    this.#funnels.set(id, { id, name, steps: named, days: new Map(), overall })
    for (const [day, figures] of Object.entries(days)) this.setDay(id, day, figures)
  }

  /**
   * Says what a funnel answers for a day from now on: as in Mixpanel, where a day's numbers change until its last
   * conversion window has ended. Throws a RangeError where there is no such funnel or day.
   */
  setDay(id: number, day: string, figures: readonly StepFigures[]): void {
    const number = dayNumber(day)
    const funnel = this.#funnels.get(id)
    if (number === undefined || funnel === undefined) throw new RangeError(`no funnel ${id}, or no day ${day}`)
    funnel.days.set(number, figures)
  }

  /** What a day was last given; nothing where it has zeros. */
  day(id: number, day: string): readonly StepFigures[] | undefined {
    return this.#funnels.get(id)?.days.get(dayNumber(day) ?? Number.NaN)
  }

  /** Adds the funnels of a file that has a {@link FunnelInput} a line, and gives their number. */
  async loadFile(path: string): Promise<number> {
    let loaded = 0
    for await (const funnel of fileRecords(path, funnelRecord)) {
      this.set(funnel)
      loaded++
    }
    return loaded
  }

  get(id: number): Funnel | undefined {
    return this.#funnels.get(id)
  }

  /** Whether there was such a funnel. */
  delete(id: number): boolean {
    return this.#funnels.delete(id)
  }

  all(): readonly Funnel[] {
    return [...this.#funnels.values()]
  }
}
