import { z } from 'zod'
import { MixloadError } from '../../core/errors.ts'
import { fileRecords } from './record-file.ts'

/** An annotation as a test or a file gives it. */
export interface AnnotationInput {
  /** The next free one when left out. */
  readonly id?: number | undefined
  /** Wall clock of the project: `yyyy-mm-dd` or `yyyy-mm-dd hh:mm:ss`. */
  readonly date: string
  readonly description: string
  /** Names; a new one becomes a tag. */
  readonly tags?: readonly string[] | undefined
}

/** An annotation as the simulator keeps it. */
export interface Annotation {
  readonly id: number
  /** `yyyy-mm-dd hh:mm:ss`, wall clock of the project. */
  readonly date: string
  readonly description: string
  readonly tags: readonly AnnotationTag[]
}

/** A tag of annotations. */
export interface AnnotationTag {
  readonly id: number
  readonly name: string
}

const FIRST_ID = 1001

const annotationRecord: z.ZodType<AnnotationInput> = z.object({
  id: z.int().optional(),
  date: z.string(),
  description: z.string(),
  tags: z.array(z.string()).optional(),
})

/** A wall-clock date as the store spells it; undefined where a text is none. */
export function annotationDate(text: string): string | undefined {
  const [, day, time = '00:00:00'] = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}:\d{2}))?$/.exec(text) ?? []
  return day === undefined || Number.isNaN(Date.parse(`${day}T${time}Z`)) ? undefined : `${day} ${time}`
}

/** The annotations of the project and their tags. */
export class AnnotationStore {
  readonly #annotations = new Map<number, Annotation>()
  readonly #tags = new Map<number, AnnotationTag>()
  #nextId = FIRST_ID

  get size(): number {
    return this.#annotations.size
  }

  /** Adds an annotation or puts it in the place of the one with its id. */
  set({ id = this.#nextId, date, description, tags = [] }: AnnotationInput): Annotation {
    const spelled = annotationDate(date)
    if (spelled === undefined) {
      throw new MixloadError('CONFIG_INVALID', `${date} is no date of an annotation; write yyyy-mm-dd hh:mm:ss`)
    }
    const annotation = { id, date: spelled, description, tags: tags.map((name) => this.tag(name)) }
    this.#annotations.set(id, annotation)
    this.#nextId = Math.max(this.#nextId, id + 1)
    return annotation
  }

  /** Adds the annotations of a file that has an {@link AnnotationInput} a line, and gives their number. */
  async loadFile(path: string): Promise<number> {
    let loaded = 0
    for await (const annotation of fileRecords(path, annotationRecord)) {
      this.set(annotation)
      loaded++
    }
    return loaded
  }

  get(id: number): Annotation | undefined {
    return this.#annotations.get(id)
  }

  /** Whether there was such an annotation. */
  delete(id: number): boolean {
    return this.#annotations.delete(id)
  }

  all(): readonly Annotation[] {
    return [...this.#annotations.values()]
  }

  /** The tag of a name, made when there is none. */
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
