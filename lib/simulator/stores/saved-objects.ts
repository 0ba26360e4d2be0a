import { z } from 'zod'
import { MixloadError } from '../../core/errors.ts'
import { parseJson } from '../../core/json.ts'
import { dayNumberIn } from './clock.ts'
import { linesIn, readFileBytes, toLineBlocks } from './line-blocks.ts'

/** Objects by their id, in the order in which they were added. */
export class IdStore<Item> {
  protected readonly items = new Map<number, Item>()

  get size(): number {
    return this.items.size
  }

  get(id: number): Item | undefined {
    return this.items.get(id)
  }

  /** Returns whether the object existed. */
  delete(id: number): boolean {
    return this.items.delete(id)
  }

  all(): readonly Item[] {
    return [...this.items.values()]
  }
}

/** An annotation to add, from a test or a file. */
export interface AnnotationInput {
  /** Default: the next free id. */
  readonly id?: number | undefined
  /** `yyyy-mm-dd` or `yyyy-mm-dd hh:mm:ss`, in the time zone of the project. */
  readonly date: string
  readonly description: string
  /** Names of tags. A new name creates a tag. */
  readonly tags?: readonly string[] | undefined
}

/** A stored annotation. */
export interface Annotation {
  readonly id: number
  /** `yyyy-mm-dd hh:mm:ss`, in the time zone of the project. */
  readonly date: string
  readonly description: string
  readonly tags: readonly AnnotationTag[]
}

/** A tag that annotations can have. */
export interface AnnotationTag {
  readonly id: number
  readonly name: string
}

const FIRST_ID = 1001

const annotationSchema: z.ZodType<AnnotationInput> = z.object({
  id: z.int().optional(),
  date: z.string(),
  description: z.string(),
  tags: z.array(z.string()).optional(),
})

/** Returns a date as `yyyy-mm-dd hh:mm:ss`; undefined if it is not valid. */
export function annotationDate(text: string): string | undefined {
  const [, day, time = '00:00:00'] = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}:\d{2}))?$/.exec(text) ?? []
  return day === undefined || Number.isNaN(Date.parse(`${day}T${time}Z`)) ? undefined : `${day} ${time}`
}

/** The project's annotations and their tags. */
export class AnnotationStore extends IdStore<Annotation> {
  readonly #tags: AnnotationTag[] = []
  #nextId = FIRST_ID

  /** Adds an annotation, or replaces the one with the same id. */
  set({ id = this.#nextId, date, description, tags = [] }: AnnotationInput): Annotation {
    const checkedDate = annotationDate(date)
    if (checkedDate === undefined) {
      throw new MixloadError('CONFIG_INVALID', `${date} is not the date of an annotation. Write yyyy-mm-dd hh:mm:ss.`)
    }
    const annotation = { id, date: checkedDate, description, tags: tags.map((name) => this.tag(name)) }
    this.items.set(id, annotation)
    this.#nextId = Math.max(this.#nextId, id + 1)
    return annotation
  }

  /** Adds the annotations of a file, one per line, and returns their number. */
  loadFile(path: string): Promise<number> {
    return loadNdjson(path, annotationSchema, (annotation) => this.set(annotation))
  }

  /** Returns the tag with this name, and creates it if needed. */
  tag(name: string): AnnotationTag {
    const known = this.#tags.find((tag) => tag.name === name)
    if (known !== undefined) return known
    const tag = { id: this.#tags.length + 1, name }
    this.#tags.push(tag)
    return tag
  }

  tagById(id: number): AnnotationTag | undefined {
    return this.#tags.find((tag) => tag.id === id)
  }

  tags(): readonly AnnotationTag[] {
    return [...this.#tags]
  }
}

/** Returns the annotations of a range of days, as `yyyy-mm-dd`, both inclusive. */
export function annotationsBetween(store: AnnotationStore, from = '', to = '9999-12-31'): readonly Annotation[] {
  return store.all().filter(({ date }) => date.slice(0, 10) >= from && date.slice(0, 10) <= to)
}

/** A cohort to add, from a test or a file. */
export interface CohortInput {
  readonly id: number
  readonly name: string
  /** Distinct ids, with or without a profile. Default: none. */
  readonly members?: Iterable<string> | undefined
  readonly description?: string | undefined
  /** `yyyy-mm-dd hh:mm:ss`, without a time zone. */
  readonly created?: string | undefined
  readonly is_visible?: 0 | 1 | undefined
  /** The group key of the members; null for users. */
  readonly data_group_id?: string | null | undefined
  /** The listed count, which may be outdated. Default: the number of members. */
  readonly count?: number | undefined
}

/** A stored cohort. */
export interface Cohort extends Omit<CohortInput, 'members'> {
  readonly members: ReadonlySet<string>
}

const cohortSchema: z.ZodType<CohortInput> = z.object({
  id: z.int(),
  name: z.string(),
  members: z.array(z.string()).optional(),
  description: z.string().optional(),
  created: z.string().optional(),
  is_visible: z.union([z.literal(0), z.literal(1)]).optional(),
  data_group_id: z.string().nullish(),
  count: z.int().optional(),
})

/** The project's saved cohorts. */
export class CohortStore extends IdStore<Cohort> {
  /** Adds a cohort, or replaces the one with the same id. */
  set(cohort: CohortInput): void {
    this.items.set(cohort.id, { ...cohort, members: new Set(cohort.members ?? []) })
  }

  /** Adds the cohorts of a file, one {@link CohortInput} per line, and returns their number. */
  loadFile(path: string): Promise<number> {
    return loadNdjson(path, cohortSchema, (cohort) => this.set(cohort))
  }
}

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
    const number = dayNumberIn(day)
    const funnel = this.items.get(id)
    if (number === undefined || funnel === undefined)
      throw new RangeError(`Funnel ${id} does not exist, or ${day} is not a day.`)
    funnel.days.set(number, figures)
  }

  /** Returns the figures of a day; undefined if it has zeros. */
  day(id: number, day: string): readonly StepFigures[] | undefined {
    return this.items.get(id)?.days.get(dayNumberIn(day) ?? Number.NaN)
  }

  /** Adds the funnels of a file, one {@link FunnelInput} per line, and returns their number. */
  loadFile(path: string): Promise<number> {
    return loadNdjson(path, funnelSchema, (funnel) => this.set(funnel))
  }
}

/** What the revenue endpoint reports for a day. */
export interface RevenueFigures {
  readonly amount: number
  readonly count: number
  readonly paid_count: number
}

/** Days with fixed revenue. Other days are computed from the profiles' `$transactions`. */
export class RevenueStore {
  readonly #days = new Map<number, RevenueFigures>()

  /** Sets the figures of a day. Throws a RangeError if the day is not a valid `yyyy-mm-dd`. */
  set(day: string, figures: RevenueFigures): void {
    const number = dayNumberIn(day)
    if (number === undefined) throw new RangeError(`not a day: ${day}. Write yyyy-mm-dd`)
    this.#days.set(number, figures)
  }

  /** Computes the figures of a day from the profiles again. */
  delete(day: string): boolean {
    return this.#days.delete(dayNumberIn(day) ?? Number.NaN)
  }

  /** Returns the fixed figures of a day, given as days since 1970. */
  get(day: number): RevenueFigures | undefined {
    return this.#days.get(day)
  }
}

/** Adds the object of each line, and returns their number. Throws CONFIG_INVALID. */
async function loadNdjson<Value>(path: string, schema: z.ZodType<Value>, add: (value: Value) => void): Promise<number> {
  let line = 0
  let loaded = 0
  for await (const block of toLineBlocks(readFileBytes(path))) {
    for (const bytes of linesIn(block)) {
      const text = bytes.toString()
      line++
      if (text.trim() === '') continue
      add(parseObject(text, schema, `${path}, line ${line}`))
      loaded++
    }
  }
  return loaded
}

function parseObject<Value>(text: string, schema: z.ZodType<Value>, place: string): Value {
  const json = parseJson(text)
  if (json === undefined) {
    throw new MixloadError('CONFIG_INVALID', `${place}: not valid JSON. Write one JSON object per line.`)
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new MixloadError('CONFIG_INVALID', `${place}: ${z.prettifyError(parsed.error)}`)
}
