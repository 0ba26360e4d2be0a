/**
 * Runs every test and ends with the line `N passed, N failed`, counted from the runner's own
 * report. A test that was skipped counts as failed: a part that is missing must not look like one
 * that works.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'

interface Report {
  readonly numPassedTests: number
  readonly numTotalTests: number
  readonly success: boolean
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

const REPORT = '.tmp/test-report.json'

mkdirSync('.tmp', { recursive: true })
rmSync(REPORT, { force: true })
const { status } = spawnSync(
  'vitest',
  ['run', '--reporter=dot', '--reporter=json', `--outputFile.json=${REPORT}`, ...process.argv.slice(2)],
  { stdio: 'inherit' },
)
const report = JSON.parse(readFileSync(REPORT, 'utf8')) as Report
for (const { name, message, assertionResults } of report.testResults) {
  if (message !== '') console.log(`${name}: ${message}`)
  for (const { fullName, status: outcome } of assertionResults) {
    if (outcome !== 'passed') console.log(`${outcome}: ${fullName}`)
  }
}
const failed = report.numTotalTests - report.numPassedTests
console.log(`${report.numPassedTests} passed, ${failed} failed`)
process.exitCode = status === 0 && report.success && failed === 0 && report.numPassedTests > 0 ? 0 : 1
