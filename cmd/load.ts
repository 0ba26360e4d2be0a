import { MixloadError } from '../lib/core/errors.ts'
import type { RunSummary } from '../lib/run/run-slices.ts'
import { STANDARD_INPUT, sliceName } from '../lib/slices.ts'
import type { Command } from './command.ts'
import type { Output } from './output.ts'
import { runFiles } from './run-files.ts'
import { openWarehouse } from './session.ts'
import { printRemarks } from './stream-report.ts'

/** `mixload load FILE…`: events that are on disk already, in the form of the raw export. Asks Mixpanel nothing. */
export const command: Command = {
  settings: [
    'destination',
    'schema',
    'bigqueryEndpoint',
    'timezone',
    'legacyTime',
    'includeProperties',
    'excludeProperties',
    'newProperties',
    'maxColumns',
    'maxRejects',
    'memoryLimit',
    'spoolDir',
  ],
  options: {
    stream: {
      type: 'string',
      requiresArg: true,
      choices: ['export'],
      describe: 'What the files hold',
      default: 'export',
    },
  },
  words: {
    usage: 'FILE...',
    describe: 'Each FILE holds an event a line, as in the raw export, also as gzip or zstd; - is standard input.',
    missing: 'Name one file or more, or - for standard input.',
  },
  async run({ settings, words: files, output, signal }) {
    if (settings.legacyTime && settings.timezone === undefined) {
      throw new MixloadError(
        'CONFIG_INVALID',
        "With --legacy-time, set --timezone to the project's time zone: without it the times mean nothing.",
      )
    }
    if (files.filter((file) => file === STANDARD_INPUT).length > 1) {
      throw new MixloadError('CONFIG_INVALID', 'Standard input (-) can be read only once.')
    }
    const started = performance.now()
    await using warehouse = await openWarehouse(settings, output.tell, signal)
    await warehouse.destination.open(signal)
    output.tell({
      kind: 'run-planned',
      stream: 'export',
      unit: 'files',
      sliceCount: files.length,
      requestsLeft: Number.POSITIVE_INFINITY,
    })
    const standardInput = () => process.stdin
    const summary = await runFiles({ settings, warehouse, files, standardInput, tell: output.tell }, signal)
    report(output, summary, (performance.now() - started) / 1000)
    return summary.setAside.length > 0 || summary.rejects > 0 ? 3 : 0
  },
}

/** Names that are listed in one line of the report. */
const NAMES_SHOWN = 20

function report(output: Output, summary: RunSummary, seconds: number): void {
  const { loads, rows, rejects, bytes, undated, outside, ignoredValues, alreadyLoaded, setAside } = summary
  output.end()
  output.json({
    stream: 'export',
    files: loads.length,
    rows,
    rejects,
    bytes,
    undated,
    outside,
    ignored_values: ignoredValues,
    already_loaded: alreadyLoaded.map(sliceName),
    set_aside: setAside.map(({ slice, error }) => ({ ...slice, code: error.code, message: error.message })),
    seconds,
  })
  output.print(
    `export: ${rows} rows from ${loads.length} files, ${(bytes / 1e6).toFixed(1)} MB, ${seconds.toFixed(1)} s`,
  )
  if (alreadyLoaded.length > 0) {
    const names = alreadyLoaded.slice(0, NAMES_SHOWN).map(sliceName).join(', ')
    const more = alreadyLoaded.length - NAMES_SHOWN
    output.print(`export: ${alreadyLoaded.length} files already loaded: ${names}${more > 0 ? ` and ${more} more` : ''}`)
  }
  printRemarks(output, 'export', summary, 'the years 1 to 9999')
}
