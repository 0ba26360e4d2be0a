import { z } from 'zod'
import { IdStore } from './id-store.ts'

const cohortSchema = z.object({
  id: z.int(),
  name: z.string(),
  /** Distinct ids, with or without a profile. Default: none. */
  members: z.array(z.string()).optional(),
  description: z.string().optional(),
  /** `yyyy-mm-dd hh:mm:ss`, without a time zone. */
  created: z.string().optional(),
  is_visible: z.union([z.literal(0), z.literal(1)]).optional(),
  /** The group key of the members; null for users. */
  data_group_id: z.string().nullish(),
  /** The count in the list of cohorts, often outdated. Default: the number of members. */
  count: z.int().optional(),
})

type CohortFields = Omit<z.infer<typeof cohortSchema>, 'members'>

/** A cohort to add, from a test or a file. */
export type CohortInput = CohortFields & { members?: Iterable<string> | undefined }

/** A stored cohort. */
export type Cohort = Readonly<CohortFields> & { readonly members: ReadonlySet<string> }

/** The project's saved cohorts. */
export class CohortStore extends IdStore<CohortInput, Cohort> {
  constructor() {
    super(cohortSchema)
  }

  override set(cohort: CohortInput): void {
    this.items.set(cohort.id, { ...cohort, members: new Set(cohort.members ?? []) })
  }
}
