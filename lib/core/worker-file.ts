/**
 * The file of a worker in the folder of the module at `moduleUrl`: `.ts` when the sources run,
 * `.js` when compiled.
 * @param name without its extension
 */
export function workerFile(name: string, moduleUrl: string): URL {
  return new URL(`./${name}${moduleUrl.endsWith('.ts') ? '.ts' : '.js'}`, moduleUrl)
}
