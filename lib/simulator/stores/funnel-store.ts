import { z } from 'zod'
import { dayNumber } from './clock.ts'
import { IdStore } from './id-store.ts'

const stepSchema = z.looseObject({ event: z.string() })
const figuresSchema = z.union([z.number(), z.looseObject({ count: z.number() })])

/** A step of a funnel: its event, and any other field of Mixpanel's response. */
export type FunnelStep = z.infer<typeof stepSchema>

/** How many users reached a step, or fields that replace or extend those of the response. */
export type StepFigures = z.infer<typeof figuresSchema>

const funnelSchema = z.object({
  id: z.int(),
  name: z.string(),
  steps: z.array(z.union([z.string(), stepSchema])).readonly(),
  /** The figures of each day, by `yyyy-mm-dd`. Other days have zeros. */
  days: z.record(z.string(), z.array(figuresSchema).readonly()).optional(),
  /** Whether the response has `$overall` among its days, which has been observed. */
  overall: z.boolean().optional(),
})

/** A funnel to add, from a test or a file. */
export type FunnelInput = z.infer<typeof funnelSchema>

/** A stored funnel. */
export interface Funnel {
  readonly id: number
  readonly name: string
  readonly steps: readonly FunnelStep[]
  readonly days: ReadonlyMap<number, readonly StepFigures[]>
  readonly overall: boolean
}

/** The project's saved funnels. */
export class FunnelStore extends IdStore<FunnelInput, Funnel> {
  constructor() {
    super(funnelSchema)
  }

  override set({ id, name, steps, days = {}, overall = false }: FunnelInput): void {
    const named = steps.map((step) => (typeof step === 'string' ? { event: step } : step))
    this.items.set(id, { id, name, steps: named, days: new Map(), overall })
    for (const [day, figures] of Object.entries(days)) this.setDay(id, day, figures)
  }

  /**
   * Sets the figures of a day. In Mixpanel, too, they change until the day's last conversion window
   * has ended. Throws a RangeError if there is no such funnel or day.
   */
  setDay(id: number, day: string, figures: readonly StepFigures[]): void {
    const number = dayNumber(day)
    const funnel = this.items.get(id)
    if (number === undefined || funnel === undefined) {
      throw new RangeError(`Funnel ${id} does not exist, or ${day} is not a day.`)
    }
    this.items.set(id, { ...funnel, days: new Map([...funnel.days, [number, figures]]) })
  }

  /** Returns the figures of a day; undefined if it has zeros. */
  day(id: number, day: string): readonly StepFigures[] | undefined {
    return this.get(id)?.days.get(dayNumber(day) ?? Number.NaN)
  }
}
