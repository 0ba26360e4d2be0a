/**
 * The file of a thread that stands beside the module at `moduleUrl`: sources run as they are, and compiled.
 * @param name without its ending
 */
export function workerFile(name: string, moduleUrl: string): URL {
  return new URL(`./${name}${moduleUrl.endsWith('.ts') ? '.ts' : '.js'}`, moduleUrl)
}
