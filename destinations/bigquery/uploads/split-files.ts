import { type FileHandle, open } from 'node:fs/promises'
import type { CompleteRange } from './file-ranges.ts'

const SEARCH_BYTES = 64 * 1024
const NEWLINE = 0x0a

/** Splits files into groups for uploads, at most about `bytesMax` each, but never within a line. */
export async function splitFiles(
  paths: readonly string[],
  bytesMax: number,
): Promise<readonly (readonly CompleteRange[])[]> {
  const groups: CompleteRange[][] = []
  let group: CompleteRange[] = []
  let bytes = 0
  for (const path of paths) {
    for (const range of await splitFile(path, bytesMax)) {
      const size = range.end - range.start
      if (bytes + size > bytesMax && group.length > 0) {
        groups.push(group)
        group = []
        bytes = 0
      }
      group.push(range)
      bytes += size
    }
  }
  return group.length === 0 ? groups : [...groups, group]
}

async function splitFile(path: string, bytesMax: number): Promise<readonly CompleteRange[]> {
  await using file = await open(path)
  const { size } = await file.stat()
  const ranges: CompleteRange[] = []
  let start = 0
  while (size - start > bytesMax) {
    const end = await endOfLine(file, start + bytesMax, size)
    ranges.push({ path, start, end })
    start = end
  }
  if (size > start) ranges.push({ path, start, end: size })
  return ranges
}

/** The end of the line that has the byte before `from`. */
async function endOfLine(file: FileHandle, from: number, size: number): Promise<number> {
  const buffer = Buffer.alloc(SEARCH_BYTES)
  for (let at = from - 1; at < size; at += SEARCH_BYTES) {
    const { bytesRead } = await file.read(buffer, 0, SEARCH_BYTES, at)
    const found = buffer.subarray(0, bytesRead).indexOf(NEWLINE)
    if (found >= 0) return at + found + 1
  }
  return size
}
