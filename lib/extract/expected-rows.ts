import { type ErrorCode, MixloadError } from '../core/errors.ts'
import type { ExpectedRows } from '../streams/stream.ts'
import type { SpooledRows } from '../transform/spooled-rows.ts'
import type { TableInput } from './table-input.ts'

/** Mixpanel's own count, and how many rows came. */
type ComparedRows = ExpectedRows & { readonly found: number }

/**
 * Compares the rows that came with Mixpanel's counts, and reports differences. Returns for each
 * table how many rows are missing, if that is more than what changes during reading explain.
 * @throws MixloadError COUNT_MISMATCH if rows are missing, unless `believed` says to accept that.
 */
export async function assertExpected(
  inputs: readonly TableInput[],
  spooled: readonly SpooledRows[],
  expected: readonly ExpectedRows[],
  believed: ReadonlySet<ErrorCode>,
  onWarning: (message: string) => void,
): Promise<readonly number[]> {
  const missing: number[] = []
  for (const [at, input] of inputs.entries()) {
    const rows = spooled[at] as SpooledRows
    const ofTable = expected.filter(({ table }) => table === input.table.name)
    const compared = await comparedRows(input, rows, ofTable)
    const short = compared.filter(({ isReadAgain, found, count }) => isReadAgain && found < count)
    if (short.length > 0 && !believed.has('COUNT_MISMATCH')) {
      throw new MixloadError('COUNT_MISMATCH', `${rows.name}: Mixpanel counts more rows than came: ${listOf(short)}.`)
    }
    missing.push(missingOf(compared))
    const different = [...short, ...compared.filter(({ isReadAgain, found, count }) => !isReadAgain && found !== count)]
    if (different.length === 0) continue
    onWarning(
      `${rows.name}: Mixpanel's own count differs from the rows that are loaded: ${listOf(different)}. Data that ` +
        'changes while it is read can cause this. If the difference stays, compare with Mixpanel.',
    )
  }
  return missing
}

/** The part of a count that may be missing because something changed while it was read. */
const DRIFT = 0.01

function missingOf(compared: readonly ComparedRows[]): number {
  // Counts that are not read again, such as those of cohorts, are often older than the rows.
  const short = compared.filter(({ isReadAgain, found, count }) =>
    isReadAgain ? found < count * (1 - DRIFT) : found === 0 && count > 0,
  )
  return short.reduce((total, { found, count }) => total + count - found, 0)
}

async function comparedRows(
  { rows }: TableInput,
  spooled: SpooledRows,
  expected: readonly ExpectedRows[],
): Promise<readonly ComparedRows[]> {
  const compared: ComparedRows[] = []
  for (const [column, ofColumn] of Map.groupBy(expected, ({ where }) => where?.column)) {
    const counts = column === undefined ? undefined : await rows.countsBy(spooled, column)
    for (const rowsExpected of ofColumn) {
      const { where } = rowsExpected
      const found = where === undefined ? await rows.rowCount(spooled) : (counts?.get(where.value) ?? 0)
      compared.push({ ...rowsExpected, found })
    }
  }
  return compared
}

const SHOWN = 5

function listOf(compared: readonly ComparedRows[]): string {
  const shown = compared.slice(0, SHOWN).map(({ name, found, count }) => `${name}: ${count} counted, ${found} came`)
  const more = compared.length - shown.length
  return more === 0 ? shown.join('; ') : `${shown.join('; ')}; and ${more} more`
}
