import { join } from 'node:path'
import { Engine } from '../../lib/engine/engine.ts'

/** An engine for tests, small enough for many at once, with its files below a directory. */
export async function newEngine(directory: string): Promise<Engine> {
  return Engine.create({ memoryLimit: '500MB', temporaryDirectory: join(directory, 'engine') })
}
