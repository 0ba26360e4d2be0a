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
