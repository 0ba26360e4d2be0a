#!/usr/bin/env node
import { lstatSync, mkdirSync } from 'node:fs'
import module from 'node:module'
import { join } from 'node:path'
import zlib from 'node:zlib'
import { ownTemporaryDirectory, privacyProblem } from '../lib/core/directories.ts'

/**
 * Loading what was compiled before saves a third of the start. It must be asked for before anything
 * else is loaded. Node's own directory for it is shared by all users, who could put code there.
 */
function useCompileCache(): void {
  if (process.env.NODE_COMPILE_CACHE) module.enableCompileCache()
  else {
    const directory = ownTemporaryDirectory()
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      if (privacyProblem(lstatSync(directory)) === undefined) module.enableCompileCache(join(directory, 'compiled'))
    } catch {
      // Without a cache the start takes longer.
    }
  }
}

// Without this check, an older Node reports a missing export of one of its own modules.
if (!('createZstdDecompress' in zlib)) {
  const { printMessage } = await import('./terminal.ts')
  printMessage(`mixload needs Node 22.15 or later. This is Node ${process.version.slice(1)}.`)
  process.exit(2)
}

useCompileCache()

const { main } = await import('./main.ts')
process.exitCode = await main(process.argv.slice(2))
