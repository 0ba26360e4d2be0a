/** Lets callers wait until something has changed, to look again whether they can go on. */
export class Change {
  #next = Promise.withResolvers<void>()

  /** Resolves when {@link notify} is called next. */
  get next(): Promise<void> {
    return this.#next.promise
  }

  notify(): void {
    this.#next.resolve()
    this.#next = Promise.withResolvers()
  }
}
