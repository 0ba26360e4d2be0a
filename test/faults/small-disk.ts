import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { packagePath } from '../../lib/core/package-root.ts'
import { ended, type Ran, type Workplace } from '../cmd/run-mixload.ts'

/** In kilobytes: of the disk, and for any one file. */
export interface Room {
  readonly disk: number
  readonly file: number
}

/**
 * A way to run out of room for files: what a shell does first, and what it does to have room again.
 */
interface Want {
  /** How to run a shell in which that can be done. */
  readonly shell: readonly string[]
  readonly first: (room: Room) => string
  readonly after: string
}

/** The disk of `disk/` is small: one in memory, seen by these processes only. */
const smallDisk = (shell: readonly string[]): Want => ({
  shell,
  first: ({ disk }) => `mount -t tmpfs -o size=${disk}k tmpfs disk`,
  after: 'mount -o remount,size=1g disk',
})

/** No file may grow beyond a limit. Any user can set one. */
const LIMIT: Want = {
  shell: ['sh'],
  first: ({ file }) => `ulimit -S -f ${file * 2}`,
  after: 'ulimit -S -f $(ulimit -H -f)',
}

/**
 * What is tried in turn: the user namespaces of Linux, being root. Containers often allow neither.
 */
const MOUNTING = [
  ['unshare', '--map-root-user', '--mount', 'sh'],
  ['unshare', '--mount', 'sh'],
]

function canMount([program = '', ...args]: readonly string[]): boolean {
  return spawnSync(program, [...args, '-c', 'mount -t tmpfs tmpfs /mnt']).status === 0
}

let found: Want | undefined

/** A full disk if this machine allows one, or else files that may not grow. */
function fullDisk(): Want {
  const shell = MOUNTING.find(canMount)
  found ??= shell === undefined ? LIMIT : smallDisk(shell)
  return found
}

export const WANTS = { 'disk is full': fullDisk, 'files may not grow': () => LIMIT } as const

/**
 * Runs twice, with `disk/` in the workplace to write to: first with little room, then with enough.
 * What is there in the end is in `copy/`. Standard output has the two exit codes.
 */
export async function runTwice(
  place: Workplace,
  want: keyof typeof WANTS,
  room: Room,
  args: readonly string[],
  more: Readonly<Record<string, string>>,
): Promise<Ran> {
  const { shell, first, after } = WANTS[want]()
  mkdirSync(join(place.directory, 'disk'))
  const script = `
    ${first(room)} || exit
    "$@"
    echo "first: $?"
    ${after} || exit
    "$@"
    echo "second: $?"
    cp -r disk copy`
  const [program = '', ...options] = shell
  const command = [process.execPath, packagePath('dist', 'cmd', 'mixload.js'), ...args]
  const child = spawn(program, [...options, '-c', script, 'sh', ...command], {
    cwd: place.directory,
    env: place.environment(more),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return ended(child)
}
