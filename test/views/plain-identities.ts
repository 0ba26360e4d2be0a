/** How Mixpanel merges ids, in plain code: what the view `identities` must say. */

/** An event, with what it says about ids. Later events have a greater `at`. */
export interface Statement {
  readonly kind: 'moved' | 'identify' | 'alias' | 'merge' | 'pair' | 'plain'
  /** The id that is linked: before the move, anonymous, alias, second of a merge, or device. */
  readonly from: string
  /** The id that it is linked to; of a plain event, its person. */
  readonly to: string
  readonly at: number
  readonly isRefused: boolean
}

/** Original id merge: a union-find over the links, in the order in which they were made. */
export function originalIds(all: readonly Statement[], idsMax: number): ReadonlyMap<string, string> {
  const links = linksOf(all)
  const parents = new Map<string, string>()
  const sizes = new Map<string, number>()
  const find = (id: string): string => {
    const parent = parents.get(id)
    return parent === undefined ? id : find(parent)
  }
  for (const { from, to } of links) {
    const [a, b] = [find(from), find(to)]
    const size = (sizes.get(a) ?? 1) + (sizes.get(b) ?? 1)
    if (a === b || size > idsMax) continue
    parents.set(a, b)
    sizes.set(b, size)
  }
  const made = links.filter(({ from, to }) => find(from) === find(to))
  const ids = new Set(made.flatMap(({ from, to }) => [from, to]))
  return mapping(ids, (id) => personOf(made.filter(({ from }) => find(from) === find(id))))
}

/** The links in the order in which they count. */
function linksOf(all: readonly Statement[]): readonly Statement[] {
  const linking = all.filter(({ kind, isRefused, from, to }) => {
    return kind !== 'pair' && kind !== 'plain' && (kind === 'moved' || !isRefused) && from !== to
  })
  const inOrder = linking.toSorted((a, b) => a.at - b.at || compare(a.from, b.from) || compare(a.to, b.to))
  const first = inOrder.filter((link) => {
    if (link.kind !== 'identify' && link.kind !== 'alias') return true
    return inOrder.find(({ kind, from }) => kind === link.kind && from === link.from) === link
  })
  // An event that was moved shows the last move of its ids.
  const moved = [...Map.groupBy(first, ({ kind, from, to }) => JSON.stringify([kind === 'moved', from, to])).values()]
    .flatMap((same) => (same[0]?.kind === 'moved' ? same.slice(-1) : same))
    .toSorted((a, b) => a.at - b.at || compare(a.from, b.from) || compare(a.to, b.to))
  return [...moved.filter(({ kind }) => kind === 'moved'), ...moved.filter(({ kind }) => kind !== 'moved')]
}

/** The id that stands for the person of these links. */
function personOf(links: readonly Statement[]): string {
  const moved = links.filter(({ kind }) => kind === 'moved')
  const lastMoved = moved.filter(({ at }) => at === Math.max(...moved.map((link) => link.at)))
  if (lastMoved.length > 0) return lastMoved.map(({ to }) => to).sort()[0] as string
  const froms = new Set(links.map(({ from }) => from))
  return links.findLast(({ to }) => !froms.has(to))?.to ?? (links[0]?.from as string)
}

/** Simplified id merge: the first user of a device keeps it, unless Mixpanel moved it. */
export function simplifiedIds(all: readonly Statement[]): ReadonlyMap<string, string> {
  const accepted = all
    .filter(({ kind, isRefused }) => kind === 'moved' || (kind === 'pair' && !isRefused))
    .map((statement) => (statement.kind === 'pair' ? { ...statement, from: `$device:${statement.from}` } : statement))
    .toSorted((a, b) => a.at - b.at || compare(a.to, b.to))
  return mapping(new Set(accepted.map(({ from }) => from)), (id) => {
    const own = accepted.filter(({ from }) => from === id)
    const moved = own.filter(({ kind }) => kind === 'moved')
    const last = moved.filter(({ at }) => at === moved.at(-1)?.at)
    return (last[0] ?? own[0])?.to ?? id
  })
}

function mapping(ids: ReadonlySet<string>, personOfId: (id: string) => string): ReadonlyMap<string, string> {
  const pairs = [...ids].map((id) => [id, personOfId(id)] as const)
  return new Map(pairs.filter(([id, person]) => id !== person).sort())
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
