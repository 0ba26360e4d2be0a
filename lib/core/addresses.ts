import { BlockList, isIP } from 'node:net'

/** Addresses of this machine, also as a server that listens on all of them prints it. */
const OWN = new BlockList()
OWN.addSubnet('127.0.0.0', 8, 'ipv4')
OWN.addAddress('0.0.0.0', 'ipv4')
OWN.addAddress('::1', 'ipv6')
OWN.addAddress('::', 'ipv6')

/** Whether a host, as a URL has it, is this machine: what is sent there passes no network. */
export function isThisMachine(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, '$1')
  const version = isIP(address)
  if (version === 0) return /^(?:.+\.)?localhost\.?$/i.test(address)
  return OWN.check(address, version === 6 ? 'ipv6' : 'ipv4')
}

/** Whether a URL leads to this machine. False where the text is not a URL. */
export function leadsToThisMachine(url: string): boolean {
  return URL.canParse(url) && isThisMachine(new URL(url).hostname)
}

/** Whether what is sent to a URL passes a network unencrypted. */
export function isUnencrypted(url: string): boolean {
  return URL.canParse(url) && new URL(url).protocol === 'http:' && !leadsToThisMachine(url)
}

/**
 * Whether a destination is on this machine: a local file, or a server that listens here. Code of a
 * package may load anywhere.
 */
export function isDestinationHere(destination: string): boolean {
  const [, scheme = '', place = ''] = /^([a-z][a-z-]*):(.*)$/s.exec(destination) ?? []
  switch (scheme) {
    case 'memory':
      return true
    case 'duckdb':
    case 'parquet':
      return !isUrlLike(place)
    case 'postgres':
    case 'postgresql':
      return isPostgresHere(destination)
    default:
      return false
  }
}

/** Whether a path begins as a URL does, such as `md:database` or `s3://bucket`. */
export function isUrlLike(path: string): boolean {
  return /^[a-z][a-z0-9+.-]+:/i.test(path)
}

function isPostgresHere(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || !/^[a-z]+:\/\//.test(text)) return false
  // Where the URL names no host, the user's environment does.
  const hosts = [url.hostname, ...url.searchParams.getAll('host')].filter((host) => host !== '')
  return hosts.flatMap((list) => list.split(/,|%2c/i)).every(isThisMachine)
}
