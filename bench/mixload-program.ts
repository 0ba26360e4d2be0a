import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NodeProgram } from './program.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/**
 * Returns mixload's command line, run in `work` with the server at `url` and without request
 * limits.
 */
export function mixloadProgram(work: string, url: string, args: readonly string[]): NodeProgram {
  return {
    script: join(ROOT, 'dist/cmd/mixload.js'),
    args,
    cwd: work,
    environment: {
      MIXPANEL_API_URL: url,
      MIXPANEL_PROJECT_ID: '1000',
      MIXPANEL_SERVICE_ACCOUNT: 'bench',
      MIXPANEL_SERVICE_ACCOUNT_SECRET: 'bench',
      MIXLOAD_REQUESTS_PER_HOUR: '0',
      MIXLOAD_REQUESTS_PER_SECOND: '0',
      MIXLOAD_QUERY_REQUESTS_PER_HOUR: '0',
      MIXLOAD_STATE_DIR: join(work, 'state'),
      MIXLOAD_SPOOL_DIR: join(work, 'spool'),
    },
  }
}

/** Returns the backfill of all days of an export. */
export function backfillProgram(
  work: string,
  url: string,
  { firstDay, lastDay }: { readonly firstDay: string; readonly lastDay: string },
  destination: string,
  flags: readonly string[] = [],
): NodeProgram {
  const range = ['--streams', 'export', '--from', firstDay, '--to', lastDay]
  return mixloadProgram(work, url, ['backfill', ...range, '--destination', destination, ...flags])
}
