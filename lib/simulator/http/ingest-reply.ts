import { jsonReply, type Reply, type SimulatorContext, textReply } from './reply.ts'

/** A GIF of one pixel, for pages without scripts. */
const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')

/** The response of /track, /engage and /groups: always 200, in the requested form. */
export function ingestReply(context: SimulatorContext, error: string | undefined): Reply {
  const { verbose, img, callback } = context.req.query()
  const status = error === undefined ? 1 : 0
  if (img === '1') return { status: 200, headers: { 'Content-Type': 'image/gif' }, body: PIXEL }
  if (callback !== undefined) {
    return { status: 200, headers: { 'Content-Type': 'text/javascript' }, body: `${callback}(${status});` }
  }
  if (verbose === '1' || verbose === '2') return jsonReply(200, { status, error: error ?? null })
  return textReply(200, String(status))
}

/** The error for a body without records. */
export const NO_DATA = 'data, missing or empty'
