/** An error response of BigQuery. */
export class Refusal extends Error {
  readonly status: number
  readonly reason: string

  constructor(status: number, reason: string, message: string) {
    super(message)
    this.status = status
    this.reason = reason
  }

  get body(): unknown {
    const { status: code, reason, message } = this
    return { error: { code, message, errors: [{ domain: 'global', reason, message }] } }
  }
}

export const invalid = (message: string) => new Refusal(400, 'invalid', message)
export const notFound = (what: string) => new Refusal(404, 'notFound', `Not found: ${what}`)
export const duplicate = (what: string) => new Refusal(409, 'duplicate', `Already Exists: ${what}`)
