import { isFailure, MixloadError, messageOf } from '../core/errors.ts'
import { askLexicon, type Lexicon } from '../describe/lexicon.ts'
import { mixpanelClient, type Session } from './session.ts'

/**
 * The project's Lexicon; undefined, with a warning, if it cannot be read.
 * @throws MixloadError CONFIG_INVALID without a service account; CREDENTIALS_REFUSED.
 */
export async function readLexicon(session: Session): Promise<Lexicon | undefined> {
  const { settings, onProgress, signal } = session
  if (settings.projectId === undefined || settings.serviceAccount === undefined) {
    throw new MixloadError(
      'CONFIG_INVALID',
      '--lexicon asks Mixpanel, and needs a service account: set MIXPANEL_SERVICE_ACCOUNT, MIXPANEL_SERVICE_ACCOUNT_SECRET and MIXPANEL_PROJECT_ID.',
    )
  }
  await using client = mixpanelClient(session)
  try {
    return await askLexicon(client, settings.projectId, onProgress, signal)
  } catch (error) {
    if (signal.aborted || !(error instanceof MixloadError) || isFailure(error, 'CREDENTIALS_REFUSED')) throw error
    onProgress({ kind: 'warning', message: `The Lexicon is left out: ${messageOf(error)}` })
    return undefined
  }
}
