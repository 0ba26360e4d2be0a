/** ` Did you mean X?` with the name that is most like this one; empty if none is like it. */
export function didYouMean(name: string, known: readonly string[]): string {
  const wanted = plain(name)
  const most = Math.min(3, Math.floor(wanted.length / 2))
  const [nearest] = known
    .map((candidate) => ({ candidate, edits: editsBetween(wanted, plain(candidate)) }))
    .filter(({ edits }) => edits <= most)
    .sort((a, b) => a.edits - b.edits)
  return nearest === undefined ? '' : ` Did you mean ${nearest.candidate}?`
}

/** Without what only style decides: `--project-id` and `projectId` are the same. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '')
}

/** How many letters to insert, delete, replace, or swap with the next one. */
function editsBetween(from: string, to: string): number {
  let before: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const isSame = from[i - 1] === to[j - 1]
      const isSwap = from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      const least = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (isSame ? 0 : 1))
      row.push(isSwap ? Math.min(least, at(before, j - 2) + 1) : least)
    }
    before = last
    last = row
  }
  return at(last, to.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
