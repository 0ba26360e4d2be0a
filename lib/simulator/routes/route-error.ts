/** A request that the query or the app family answers with an error body. */
export class RouteError extends Error {
  override readonly name = 'RouteError'
  readonly status: number

  constructor(error: string, status = 400) {
    super(error)
    this.status = status
  }
}
