/** Reading what BigQuery's API answers with: JSON from outside, of which nothing is taken for granted. */
export type Answer = Readonly<Record<string, unknown>>

/** The value, where it is an object; else an empty one. */
export function objectOf(value: unknown): Answer {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Answer) : {}
}

/** The value, where it is a list; else an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The value, where it is a text. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The value some steps into objects. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => objectOf(inner)[name], value)
}

/** What the body of a failed answer says. */
export function refusalOf(body: string): { readonly message: string | undefined; readonly reason: string | undefined } {
  let answer: unknown
  try {
    answer = JSON.parse(body)
  } catch {
    // A proxy's page, or nothing.
    return { message: undefined, reason: undefined }
  }
  const error = at(answer, 'error')
  return {
    message: textOf(at(error, 'message')),
    reason: textOf(objectOf(listOf(at(error, 'errors'))[0]).reason),
  }
}
