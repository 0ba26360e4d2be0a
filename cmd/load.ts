import { loadEventFiles } from '../lib/run/load-files.ts'
import type { StreamSummary } from '../lib/run/tally.ts'
import { sliceName } from '../lib/slices.ts'
import { type Command, textFlag } from './command.ts'
import { counted } from './counted.ts'
import { timezoneFlag, WAREHOUSE_SETTINGS } from './load-settings.ts'
import type { Output } from './output.ts'
import { sessionOf } from './session.ts'
import { printRemarks, skippedJson } from './stream-report.ts'

/** `mixload load FILE…`: loads files in the form of the raw export. */
export const command: Command = {
  oneProject: true,
  settings: [
    ...WAREHOUSE_SETTINGS,
    ...(['timezone', 'legacyTime', 'idMerge', 'maxColumns', 'maxRejects'] as const),
    ...(['includeProperties', 'excludeProperties', 'newProperties', 'inferTypes'] as const),
  ],
  options: {
    ...timezoneFlag('UTC'),
    stream: textFlag('What the files hold', { choices: ['export'], default: 'export' }),
  },
  words: {
    usage: 'FILE...',
    describe: 'Each FILE holds one event per line, as in the raw export, also as gzip or zstd; - is standard input.',
    missing: 'Name one or more files, or - for standard input.',
  },
  async run(context) {
    const summary = await loadEventFiles(sessionOf(context), context.words, () => process.stdin)
    report(context.output, summary)
    return summary.skippedSlices.length > 0 || summary.rejects > 0 ? 3 : 0
  },
}

/** Names that are listed in one line of the report. */
const NAMES_SHOWN = 20

function report(output: Output, summary: StreamSummary): void {
  const { stream, slices, rows, rejects, bytes, undated, outside, ignoredValues, alreadyLoaded, skippedSlices } =
    summary
  output.end()
  output.json({
    stream,
    files: slices,
    rows,
    rejects,
    bytes,
    undated,
    outside,
    ignored_values: ignoredValues,
    already_loaded: alreadyLoaded.map(sliceName),
    skipped_files: skippedSlices.map(skippedJson),
    seconds: summary.seconds,
  })
  const cost = `${(bytes / 1e6).toFixed(1)} MB, ${summary.seconds.toFixed(1)} s`
  output.print(`${stream}: ${counted(rows, 'row')} from ${counted(slices, 'file')}, ${cost}`)
  if (alreadyLoaded.length > 0) {
    const names = alreadyLoaded.slice(0, NAMES_SHOWN).map(sliceName).join(', ')
    const more = alreadyLoaded.length - NAMES_SHOWN
    output.print(
      `${stream}: ${counted(alreadyLoaded.length, 'file')} already loaded: ${names}${more > 0 ? ` and ${more} more` : ''}`,
    )
  }
  printRemarks(output, summary, 'the years 1 to 9999')
}
