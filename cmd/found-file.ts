import { isDestinationHere, leadsToThisMachine } from '../lib/core/addresses.ts'
import { MixloadError } from '../lib/core/errors.ts'
import type { RawSettings } from '../lib/settings.ts'

/**
 * What a settings file may not say unless it is named with `--config`, because anybody may have put
 * it into the working directory: where data and secrets go, whether they are encrypted, and what
 * code runs. See docs/decisions/0019.
 */
const REFUSED: Readonly<Record<string, { readonly isHarmless: (value: string) => boolean; readonly to: string }>> = {
  apiUrl: { isHarmless: leadsToThisMachine, to: 'to another machine' },
  bigqueryEndpoint: { isHarmless: leadsToThisMachine, to: 'to another machine' },
  destination: { isHarmless: isDestinationHere, to: 'to another machine or to a package' },
  allowHttp: { isHarmless: (value) => value === 'false', to: 'at all' },
}

/** Secrets that decide which project is read or written. */
const CREDENTIALS = ['serviceAccountSecret', 'apiSecret', 'token']

/**
 * Checks what a file that was found would decide. `others`: the settings of flags and environment,
 * which take precedence.
 * @throws MixloadError CONFIG_INVALID naming the settings that it may not decide.
 */
export function assertHarmless(path: string, file: RawSettings, others: RawSettings): void {
  const decided = Object.entries(file).filter(([name, value]) => value !== null && others[name] === undefined)
  const problems = decided.flatMap(([name, value]) => {
    const rule = Object.hasOwn(REFUSED, name) ? REFUSED[name] : undefined
    if (rule !== undefined) return rule.isHarmless(String(value).trim()) ? [] : [`${name} ${rule.to}`]
    // Together with those of the environment, it would send what they read to another project.
    const hasOthers = CREDENTIALS.some((secret) => others[secret] !== undefined)
    return CREDENTIALS.includes(name) && hasOthers ? [`${name} beside the credentials of the environment`] : []
  })
  if (problems.length === 0) return
  throw new MixloadError(
    'CONFIG_INVALID',
    `${path} was found in the working directory, so it may not set ${problems.join(', nor ')}. ` +
      'If you trust the file, name it: --config mixload.yaml. Otherwise use flags or the environment for these settings.',
  )
}
