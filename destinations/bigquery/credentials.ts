import { readFile } from 'node:fs/promises'
import {
  type AuthClient,
  AwsClient,
  GoogleAuth,
  IdentityPoolClient,
  JWT,
  PassThroughClient,
  PluggableAuthClient,
  UserRefreshClient,
} from 'google-auth-library'
import { MixloadError, messageOf } from '../../lib/errors.ts'
import { objectOf } from './answers.ts'
import { ApiFailure } from './failures.ts'
import type { BigQueryAddress } from './url.ts'

const SCOPES = ['https://www.googleapis.com/auth/bigquery']

/**
 * The credentials that sign requests: those of the key file, or else Application Default Credentials
 * (`GOOGLE_APPLICATION_CREDENTIALS`, the file of `gcloud auth application-default login`, or the service account of the
 * machine). An endpoint of the user's own gets no credentials unless the URL names a key file, and none are looked for,
 * because the search asks a server that exists only on Google's machines.
 */
export function credentialsFor(address: BigQueryAddress): AuthClient {
  const { keyFile, endpoint } = address
  return endpoint !== undefined && keyFile === undefined ? new PassThroughClient() : new Credentials(address)
}

type Signer = Pick<AuthClient, 'getRequestHeaders'>

/** Finds the credentials when the first request is signed, and says in mixload's words why that failed. */
class Credentials extends PassThroughClient {
  readonly #address: BigQueryAddress
  #signer: Promise<Signer> | undefined

  constructor(address: BigQueryAddress) {
    super()
    this.#address = address
  }

  override async getRequestHeaders(): Promise<Headers> {
    try {
      this.#signer ??= signerOf(this.#address)
      return await (await this.#signer).getRequestHeaders()
    } catch (error) {
      // The next request looks for them again.
      this.#signer = undefined
      throw signInFailure(error, this.#address.keyFile)
    }
  }
}

async function signerOf({ project, keyFile }: BigQueryAddress): Promise<Signer> {
  if (keyFile === undefined) return new GoogleAuth({ projectId: project, scopes: SCOPES })
  const key = keyIn(await readFile(keyFile, 'utf8'))
  if (key.type === 'service_account') {
    const client = new JWT({ scopes: SCOPES })
    client.fromJSON(key)
    return client
  }
  if (key.type === 'authorized_user') return UserRefreshClient.fromJSON(key)
  if (key.type === 'external_account') {
    const { environment_id, executable } = objectOf(key.credential_source)
    const Client = environment_id ? AwsClient : executable ? PluggableAuthClient : IdentityPoolClient
    return new Client({ ...key, scopes: SCOPES } as never)
  }
  // All other kinds. Google's library then also prints advice on files that others have written.
  return new GoogleAuth({ keyFilename: keyFile, projectId: project, scopes: SCOPES })
}

/** The error of a JSON parser quotes the text, which is a secret here. */
function keyIn(text: string) {
  try {
    return objectOf(JSON.parse(text))
  } catch {
    throw new Error('the file is not valid JSON')
  }
}

/** Codes of the system, and of Google's library where it stopped waiting. */
const NETWORK_CODES = /^(?:E(?:CONN|HOST|NET|PIPE|TIMEDOUT|AI_AGAIN|NOTFOUND)|EAI_AGAIN|ENOTFOUND|TimeoutError|UND_ERR)/
/** Google's client sends a request unsigned if the error says this. */
const NO_DEFAULT = /Could not load the default credentials.*/s

function signInFailure(error: unknown, keyFile: string | undefined): Error {
  const cause = withoutRequest(error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const status = error instanceof Error && 'status' in error ? Number(error.status) : undefined
  if (NETWORK_CODES.test(code)) {
    return new ApiFailure(`Google's sign-in did not answer: ${cause.message}`, { isUnanswered: true, cause })
  }
  if (status !== undefined && status >= 500) {
    return new ApiFailure(`Google's sign-in failed: ${cause.message}`, { status, cause })
  }
  const reason = cause.message.replace(NO_DEFAULT, 'there are no Application Default Credentials')
  const advice =
    keyFile === undefined
      ? 'Set GOOGLE_APPLICATION_CREDENTIALS, run `gcloud auth application-default login`, or name a file with key_file in the URL.'
      : `Check the file that key_file names, ${keyFile}.`
  return new MixloadError('DESTINATION_FAILED', `Cannot sign in to BigQuery: ${reason}. ${advice}`, { cause })
}

/** Google's errors hold the request that failed, and that holds the secrets it was sent with. */
function withoutRequest(error: unknown): Error {
  const bare = new Error(messageOf(error))
  if (error instanceof Error && error.stack !== undefined) bare.stack = error.stack
  return bare
}
