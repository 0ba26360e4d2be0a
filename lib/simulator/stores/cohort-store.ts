import { z } from 'zod'
import { IdStore } from './id-store.ts'
import { loadNdjson } from './ndjson-file.ts'

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
