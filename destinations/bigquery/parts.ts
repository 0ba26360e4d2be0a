import { type FileHandle, open } from 'node:fs/promises'
import type { WholePart } from './pieces.ts'

const SEARCH_BYTES = 64 * 1024
const NEWLINE = 0x0a

/** Lists of whole lines of these files, each list of at most about `bytesMax` bytes: a longer line stays in one piece. */
export async function partsOf(paths: readonly string[], bytesMax: number): Promise<readonly (readonly WholePart[])[]> {
  const lists: WholePart[][] = []
  let list: WholePart[] = []
  let bytes = 0
  for (const path of paths) {
    for (const part of await cut(path, bytesMax)) {
      const size = part.end - part.start
      if (bytes + size > bytesMax && list.length > 0) {
        lists.push(list)
        list = []
        bytes = 0
      }
      list.push(part)
      bytes += size
    }
  }
  return list.length === 0 ? lists : [...lists, list]
}

async function cut(path: string, bytesMax: number): Promise<readonly WholePart[]> {
  await using file = await open(path)
  const { size } = await file.stat()
  const parts: WholePart[] = []
  let start = 0
  while (size - start > bytesMax) {
    const end = await afterNewline(file, start + bytesMax, size)
    parts.push({ path, start, end })
    start = end
  }
  if (size > start) parts.push({ path, start, end: size })
  return parts
}

/** Where the line ends that has the byte before `from`. */
async function afterNewline(file: FileHandle, from: number, size: number): Promise<number> {
  const buffer = Buffer.alloc(SEARCH_BYTES)
  for (let at = from - 1; at < size; at += SEARCH_BYTES) {
    const { bytesRead } = await file.read(buffer, 0, SEARCH_BYTES, at)
    const found = buffer.subarray(0, bytesRead).indexOf(NEWLINE)
    if (found >= 0) return at + found + 1
  }
  return size
}
