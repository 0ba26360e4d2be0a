import { checkSetup, type Finding } from '../lib/run/check.ts'
import type { Command } from './command.ts'
import { LOAD_SETTINGS } from './load-settings.ts'
import { sessionOf } from './session.ts'

/** `mixload check`: checks everything that a load needs. Each line says ok or what to do. */
export const command: Command = {
  settings: LOAD_SETTINGS,
  async run(context) {
    const findings: Finding[] = []
    for await (const finding of checkSetup(sessionOf(context))) {
      findings.push(finding)
      context.output.print(`${finding.ok ? 'ok' : 'NO'}  ${finding.check}: ${finding.detail}`)
    }
    context.output.json(findings)
    return findings.every(({ ok }) => ok) ? 0 : 1
  },
}
