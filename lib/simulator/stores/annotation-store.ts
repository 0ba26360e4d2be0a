import { z } from 'zod'
import { MixloadError } from '../../core/errors.ts'
import { IdStore } from './id-store.ts'
import { loadNdjson } from './ndjson-file.ts'

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
  readonly #tags = new Map<number, AnnotationTag>()
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
    const known = this.tags().find((tag) => tag.name === name)
    if (known !== undefined) return known
    const tag = { id: this.#tags.size + 1, name }
    this.#tags.set(tag.id, tag)
    return tag
  }

  tagById(id: number): AnnotationTag | undefined {
    return this.#tags.get(id)
  }

  tags(): readonly AnnotationTag[] {
    return [...this.#tags.values()]
  }
}

/** Returns the annotations of a range of days, as `yyyy-mm-dd`, both inclusive. */
export function annotationsBetween(store: AnnotationStore, from = '', to = '9999-12-31'): readonly Annotation[] {
  return store.all().filter(({ date }) => date.slice(0, 10) >= from && date.slice(0, 10) <= to)
}
