import { MixloadError, messageOf } from '../../lib/core/errors.ts'
import { ApiFailure } from './failures.ts'
import type { BigQueryAddress } from './url.ts'

/** Gives the headers that sign a request to this URL. */
export type Authorize = (url: string) => Promise<Readonly<Record<string, string>>>

/**
 * How requests are signed. Google's client looks for credentials, and renews tokens: those of a file, else Application
 * Default Credentials (`GOOGLE_APPLICATION_CREDENTIALS`, what `gcloud auth application-default login` has left, the
 * machine's own account). An endpoint of the user's own gets no credentials, and none are looked for, unless a file is
 * named: looking for them asks a server that only machines of Google have.
 */
export function authorizeFor({ project, keyFile, endpoint }: BigQueryAddress): Authorize {
  if (endpoint !== undefined && keyFile === undefined) return async () => ({})
  // Google's client takes a moment to load, and is not needed for an emulator.
  let client: Promise<{ getRequestHeaders(url: string): Promise<Headers> }> | undefined
  const makeClient = async () => {
    const { BigQuery } = await import('@google-cloud/bigquery')
    const { authClient } = new BigQuery({ projectId: project })
    if (keyFile === undefined) return authClient.getClient()
    // The way of GOOGLE_APPLICATION_CREDENTIALS. To name the file among the options is deprecated, which the client then
    // writes to the console.
    return authClient._getApplicationCredentialsFromFilePath(keyFile)
  }
  return async (url) => {
    try {
      client ??= makeClient()
      return Object.fromEntries(await (await client).getRequestHeaders(url))
    } catch (error) {
      client = undefined
      throw credentialsFailure(error, keyFile)
    }
  }
}

/** Of the system, and of Google's client where it gave up waiting. */
const NETWORK_CODES = /^(?:E(?:CONN|HOST|NET|PIPE|TIMEDOUT|AI_AGAIN|NOTFOUND)|EAI_AGAIN|ENOTFOUND|TimeoutError|UND_ERR)/

function credentialsFailure(error: unknown, keyFile: string | undefined): Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const status = error instanceof Error && 'status' in error ? Number(error.status) : undefined
  if (NETWORK_CODES.test(code)) {
    return new ApiFailure(`Google's sign-in did not answer: ${messageOf(error)}`, { isUnanswered: true, cause: error })
  }
  if (status !== undefined && status >= 500) {
    return new ApiFailure(`Google's sign-in failed: ${messageOf(error)}`, { status, cause: error })
  }
  const advice =
    keyFile === undefined
      ? 'Set GOOGLE_APPLICATION_CREDENTIALS, run `gcloud auth application-default login`, or name a file with key_file in the URL.'
      : `Check the file that key_file names, ${keyFile}.`
  return new MixloadError('DESTINATION_FAILED', `Cannot sign in to BigQuery: ${messageOf(error)}. ${advice}`, {
    cause: error,
  })
}
