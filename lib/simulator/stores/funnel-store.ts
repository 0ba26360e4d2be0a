import { z } from 'zod'
import { dayNumber } from './clock.ts'
import { IdStore } from './id-store.ts'
import { loadNdjson } from './ndjson-file.ts'

/** A step of a funnel: its event, and other fields of the response, such as `step_label`. */
export interface FunnelStep {
  readonly event: string
  readonly [field: string]: unknown
}

/** How many users reached a step: a number, or fields to set in the response. */
export type StepFigures = number | { readonly count: number; readonly [field: string]: unknown }

/** A funnel to add, from a test or a file. */
export interface FunnelInput {
  readonly id: number
  readonly name: string
  readonly steps: readonly (string | FunnelStep)[]
  /** The figures of each day, by `yyyy-mm-dd`. Other days have zeros. */
  readonly days?: Readonly<Record<string, readonly StepFigures[]>> | undefined
  /** Whether the response has `$overall` among its days, which has been observed. */
  readonly overall?: boolean | undefined
}

/** A stored funnel. */
export interface Funnel {
  readonly id: number
  readonly name: string
  readonly steps: readonly FunnelStep[]
  /** By days since 1970. */
  readonly days: Map<number, readonly StepFigures[]>
  readonly overall: boolean
}

const stepFiguresSchema: z.ZodType<StepFigures> = z.union([z.number(), z.looseObject({ count: z.number() })])

const funnelSchema: z.ZodType<FunnelInput> = z.object({
  id: z.int(),
  name: z.string(),
  steps: z.array(z.union([z.string(), z.looseObject({ event: z.string() })])),
  days: z.record(z.string(), z.array(stepFiguresSchema)).optional(),
  overall: z.boolean().optional(),
})

/** The project's saved funnels. */
export class FunnelStore extends IdStore<Funnel> {
  /** Adds a funnel, or replaces the one with the same id and all its days. */
  set({ id, name, steps, days = {}, overall = false }: FunnelInput): void {
    const named = steps.map((step) => (typeof step === 'string' ? { event: step } : step))
    this.items.set(id, { id, name, steps: named, days: new Map(), overall })
    for (const [day, figures] of Object.entries(days)) this.setDay(id, day, figures)
  }

  /**
   * Sets the figures of a day. In Mixpanel, too, they change until the day's last conversion window
   * has ended. Throws a RangeError if the funnel or the day does not exist.
   */
  setDay(id: number, day: string, figures: readonly StepFigures[]): void {
    const number = dayNumber(day)
    const funnel = this.items.get(id)
    if (number === undefined || funnel === undefined)
      throw new RangeError(`Funnel ${id} does not exist, or ${day} is not a day.`)
    funnel.days.set(number, figures)
  }

  /** Returns the figures of a day; undefined if it has zeros. */
  day(id: number, day: string): readonly StepFigures[] | undefined {
    return this.items.get(id)?.days.get(dayNumber(day) ?? Number.NaN)
  }

  /** Adds the funnels of a file, one {@link FunnelInput} per line, and returns their number. */
  loadFile(path: string): Promise<number> {
    return loadNdjson(path, funnelSchema, (funnel) => this.set(funnel))
  }
}
