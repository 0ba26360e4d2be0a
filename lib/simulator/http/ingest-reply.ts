import { jsonReply, type Reply, type SimulatorContext, textReply } from './reply.ts'

/** A picture of one dot, for pages without scripts. */
const DOT = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')

/** The answer of /track, /engage and /groups: 200 whatever came of the records, in the form that was asked for. */
export function ingestReply(context: SimulatorContext, error: string | undefined): Reply {
  const { verbose, img, callback } = context.req.query()
  const status = error === undefined ? 1 : 0
  if (img === '1') return { status: 200, headers: { 'Content-Type': 'image/gif' }, body: DOT }
  if (callback !== undefined) {
    return { status: 200, headers: { 'Content-Type': 'text/javascript' }, body: `${callback}(${status});` }
  }
  if (verbose === '1' || verbose === '2') return jsonReply(200, { status, error: error ?? null })
  return textReply(200, String(status))
}

/** Said of a body that has no record. */
export const NO_DATA = 'data, missing or empty'
