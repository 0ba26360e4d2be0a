const STRUCTURE = /"(?:[^"\\]|\\.)*"|[[\]{}]/g

/** How deeply lists and objects are nested in a JSON text. */
export function depthOf(json: string): number {
  let depth = 0
  let deepest = 0
  for (const [token] of json.matchAll(STRUCTURE)) {
    if (token === '[' || token === '{') deepest = Math.max(deepest, ++depth)
    else if (token === ']' || token === '}') depth--
  }
  return deepest
}
