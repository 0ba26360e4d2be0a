/** A size such as `400MB`, as DuckDB reads it. */
export const SIZE = /^(\d+)\s*(KB|MB|GB|KiB|MiB|GiB)$/i

const UNITS: Readonly<Record<string, number>> = {
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
}

/** The number of bytes of a {@link SIZE}. */
export function bytesIn(size: string): number {
  const [, count, unit = ''] = SIZE.exec(size) ?? []
  return Number(count) * (UNITS[unit.toLowerCase()] ?? Number.NaN)
}
