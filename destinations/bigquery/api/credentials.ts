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
import { MixloadError, messageOf } from '../../../lib/core/errors.ts'
import { parseJson } from '../../../lib/core/json.ts'
import { ApiFailure } from './api-failure.ts'
import { objectOf } from './json.ts'

/** Where requests go, and what signs them. */
export interface CredentialSource {
  readonly project: string
  /** Path of a key file; undefined for Application Default Credentials. */
  readonly keyFile: string | undefined
  /** Undefined for Google's own. */
  readonly endpoint: string | undefined
}

const SCOPES = ['https://www.googleapis.com/auth/bigquery']

/**
 * The credentials that sign requests: the key file, or else Application Default Credentials, which
 * are `GOOGLE_APPLICATION_CREDENTIALS`, the file of `gcloud auth application-default login`, or the
 * machine's service account. Requests to an endpoint other than Google's are not signed unless the
 * URL names a key file. No credentials are looked for then, because that asks a server which exists
 * only on Google's machines.
 */
export function credentialsFor(address: CredentialSource): AuthClient {
  const { keyFile, endpoint } = address
  return endpoint !== undefined && keyFile === undefined ? new PassThroughClient() : new Credentials(address)
}

type Signer = Pick<AuthClient, 'getRequestHeaders'>

/** Looks for credentials when the first request is signed. Errors say what the user can do. */
class Credentials extends PassThroughClient {
  readonly #address: CredentialSource
  #signer: Promise<Signer> | undefined

  constructor(address: CredentialSource) {
    super()
    this.#address = address
  }

  override async getRequestHeaders(): Promise<Headers> {
    try {
      this.#signer ??= signerOf(this.#address)
      return await (await this.#signer).getRequestHeaders()
    } catch (error) {
      // The next request looks again.
      this.#signer = undefined
      throw signInFailure(error, this.#address.keyFile)
    }
  }
}

async function signerOf({ project, keyFile }: CredentialSource): Promise<Signer> {
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
    // Google's classes check the fields themselves.
    return new Client({ ...key, scopes: SCOPES } as never)
  }
  // The other kinds. Google's library then prints that one should not trust files of others.
  return new GoogleAuth({ keyFilename: keyFile, projectId: project, scopes: SCOPES })
}

/** Does not show the error of the JSON parser, which quotes the text and with it a secret. */
function keyIn(text: string) {
  const key = parseJson(text)
  if (key === undefined) throw new Error('the file is not valid JSON')
  return objectOf(key)
}

/** Codes of the system, and of Google's library when it times out. */
const NETWORK_CODES = /^(?:E(?:CONN|HOST|NET|PIPE|TIMEDOUT|AI_AGAIN|NOTFOUND)|EAI_AGAIN|ENOTFOUND|TimeoutError|UND_ERR)/
/** If the error says this, Google's client sends the request unsigned. */
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

/** Google's errors contain the request, and with it the secrets that it was sent with. */
function withoutRequest(error: unknown): Error {
  const bare = new Error(messageOf(error))
  if (error instanceof Error && error.stack !== undefined) bare.stack = error.stack
  return bare
}
