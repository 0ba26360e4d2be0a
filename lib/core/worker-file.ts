/**
 * The file of a worker beside the module at `moduleUrl`: `.ts` in the sources, `.js` if compiled.
 */
export function workerFile(name: string, moduleUrl: string): URL {
  return new URL(`./${name}${moduleUrl.endsWith('.ts') ? '.ts' : '.js'}`, moduleUrl)
}
