import { SETTINGS, STREAMS } from '../lib/settings.ts'
import { tidyTables } from '../lib/tidy/tidy.ts'
import type { TidyResult } from '../lib/tidy/tidy-plan.ts'
import { type Command, textFlag } from './command.ts'
import { amountOf, counted } from './counted.ts'
import { WAREHOUSE_SETTINGS } from './load-settings.ts'
import { sessionOf } from './session.ts'

/** `mixload tidy`: removes rows that only cost space. With `--dry-run` it only counts them. */
export const command: Command = {
  settings: [...WAREHOUSE_SETTINGS, 'streams', 'from', 'to', 'region', 'apiUrl', 'projectId'],
  options: {
    streams: textFlag(`Streams to tidy, comma-separated: ${STREAMS.join(', ')}`, { defaultDescription: 'all' }),
    to: textFlag(SETTINGS.to.describe, { defaultDescription: 'all days' }),
    'dry-run': { type: 'boolean', describe: 'Only show what would be removed; change nothing', default: false },
  },
  async run(context) {
    const { flags, output } = context
    const isDryRun = flags['dry-run'] === true
    const results = await tidyTables(sessionOf(context), isDryRun)
    output.end()
    for (const result of results) {
      const { table, rows, bytes, days, scannedBytes } = result
      output.json({ table, rows, bytes, days, scanned_bytes: scannedBytes, dry_run: isDryRun })
      output.print(sentence(result, isDryRun))
    }
    if (results.length === 0) {
      output.json([])
      output.print('There is nothing to tidy.')
    }
    return 0
  },
}

function sentence({ table, rows, bytes, days, scannedBytes }: TidyResult, isDryRun: boolean): string {
  const size = bytes === undefined || rows === 0 ? '' : `, about ${amountOf(bytes)},`
  const cost =
    scannedBytes === undefined ? '' : `. BigQuery ${isDryRun ? 'scans' : 'scanned'} ${amountOf(scannedBytes)} for it`
  const done = (count: number) => (isDryRun ? 'can be' : count === 1 ? 'was' : 'were')
  if (rows === 0) return `${table}: the files of ${counted(days, 'day')} ${done(2)} merged`
  return `${table}: ${counted(rows, 'row')}${size} on ${counted(days, 'day')} ${done(rows)} removed${cost}`
}
