import { MixloadError } from '../lib/core/errors.ts'
import type { PeopleCause } from '../lib/verify/compare-people.ts'
import { hasDrift, repairDays, type VerifyResult, verifyCounts } from '../lib/verify/verify.ts'
import type { Command } from './command.ts'
import { counted } from './counted.ts'
import { LOAD_SETTINGS } from './load-settings.ts'
import type { Output } from './output.ts'
import { sessionOf } from './session.ts'
import { exitCodeOf, reportStreams } from './stream-report.ts'

/** The exit code if counts differ. */
const DRIFT = 4

const CAUSES: Readonly<Record<PeopleCause, string>> = {
  events: 'their events differ, too',
  'merged-later': 'reports and export merge ids at different times',
  'other-merges': 'the warehouse merges ids that Mixpanel does not: check --id-merge',
  'unknown-links': 'Mixpanel knows links between ids that are not loaded: load the days before these',
  unknown: 'no cause found',
}

/**
 * `mixload verify`: compares each day and event in `export_latest` with Mixpanel's reports. With
 * `--repair` it loads the days that differ again, and compares once more.
 */
export const command: Command = {
  settings: LOAD_SETTINGS,
  options: {
    repair: { type: 'boolean', default: false, describe: 'Read the days that differ again, and replace them' },
    people: { type: 'boolean', default: false, describe: 'Also compare how many people had each event' },
    tolerance: {
      type: 'number',
      requiresArg: true,
      default: 0,
      describe: "How many percent a count may differ from Mixpanel's",
    },
  },
  async run(context) {
    const { flags, output } = context
    const percent = Number(flags.tolerance)
    if (!(percent >= 0 && percent <= 100)) {
      throw new MixloadError('CONFIG_INVALID', '--tolerance must be a number from 0 to 100.')
    }
    const session = sessionOf(context)
    if (flags.repair === true && session.settings.events !== undefined) {
      const message = '--repair replaces whole days, also the events that --events leaves out. Use one of the two.'
      throw new MixloadError('CONFIG_INVALID', message)
    }
    const choices = { tolerance: percent / 100, people: flags.people === true }
    const found = await verifyCounts(session, choices)
    print(output, found)
    if (found.differences.length === 0) return hasDrift(found) ? DRIFT : 0
    if (flags.repair !== true) {
      output.print('mixload verify --repair reads these days again.')
      return DRIFT
    }
    const results = await reportStreams(output, (onResult) => repairDays(session, found, onResult))
    const left = await verifyCounts(session, choices)
    print(output, left)
    return exitCodeOf(results) || (hasDrift(left) ? DRIFT : 0)
  },
}

function print(output: Output, result: VerifyResult): void {
  const { differences, uncounted, compared, expired, days, requests, people } = result
  const [firstDay, lastDay] = [days[0], days.at(-1)]
  const span = { first_day: firstDay, last_day: lastDay, days: days.length }
  output.json({ ...span, compared, requests, differences, uncounted, expired, people })
  for (const { day, event, warehouse, mixpanel } of differences) {
    output.print(`${day}  ${event}: ${warehouse} in the warehouse, ${mixpanel} in Mixpanel`)
  }
  for (const { day, event, warehouse, mixpanel, cause } of people?.differences ?? []) {
    output.print(`${day}  ${event}: ${warehouse} people in the warehouse, ${mixpanel} in Mixpanel: ${CAUSES[cause]}`)
  }
  if (uncounted.length > 0) output.print(`Mixpanel has no counts of: ${uncounted.join(', ')}`)
  if (expired.length > 0) {
    const span = `${expired[0]} to ${expired.at(-1)}`
    output.print(
      `Not compared: ${counted(expired.length, 'day')} from ${span}, whose events Mixpanel has deleted. The rows stay.`,
    )
  }
  const cost = `${counted(compared, 'count')} compared in ${counted(requests, 'request')}`
  output.print(`${counted(days.length, 'day')} from ${firstDay} to ${lastDay}: ${cost}, ${differences.length} differ`)
  if (people !== undefined) {
    const { differences: ofPeople } = people
    output.print(`${counted(people.compared, 'number')} of people compared, ${ofPeople.length} differ`)
  }
}
