import { z } from 'zod'
import { fileRecords } from './record-file.ts'

/** A saved cohort as a test or a file gives it. */
export interface CohortInput {
  readonly id: number
  readonly name: string
  /** Distinct ids, with or without profile; none when left out. */
  readonly members?: Iterable<string> | undefined
  readonly description?: string | undefined
  /** `yyyy-mm-dd hh:mm:ss` without zone. */
  readonly created?: string | undefined
  readonly is_visible?: 0 | 1 | undefined
  /** The group key that the members are of; null for users. */
  readonly data_group_id?: string | null | undefined
  /** What the list says; the number of members when left out. Mixpanel's own lags behind its members. */
  readonly count?: number | undefined
}

/** A cohort as the simulator keeps it. */
export interface Cohort extends Omit<CohortInput, 'members'> {
  readonly members: ReadonlySet<string>
}

const cohortRecord: z.ZodType<CohortInput> = z.object({
  id: z.int(),
  name: z.string(),
  members: z.array(z.string()).optional(),
  description: z.string().optional(),
  created: z.string().optional(),
  is_visible: z.union([z.literal(0), z.literal(1)]).optional(),
  data_group_id: z.string().nullish(),
  count: z.int().optional(),
})

/** The saved cohorts of the project. */
export class CohortStore {
  readonly #cohorts = new Map<number, Cohort>()

  get size(): number {
    return this.#cohorts.size
  }

  /** Adds a cohort or puts it in the place of the one with its id. */
  set(cohort: CohortInput): void {
    this.#cohorts.set(cohort.id, { ...cohort, members: new Set(cohort.members ?? []) })
  }

  /** Adds the cohorts of a file that has a {@link CohortInput} a line, and gives their number. */
  async loadFile(path: string): Promise<number> {
    let loaded = 0
    for await (const cohort of fileRecords(path, cohortRecord)) {
      this.set(cohort)
      loaded++
    }
    return loaded
  }

  get(id: number): Cohort | undefined {
    return this.#cohorts.get(id)
  }

  /** Whether there was such a cohort. */
  delete(id: number): boolean {
    return this.#cohorts.delete(id)
  }

  all(): readonly Cohort[] {
    return [...this.#cohorts.values()]
  }
}
