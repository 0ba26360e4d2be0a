/** The keys of the overflow column: properties, and two kinds of keys that are mixload's own. */

/** The exact name of an event that UTF-8 cannot hold. Other records' identities have others. */
const EVENT_KEY = '../event'
/** The suffix of a repeated property whose later value counts. */
const SUPERSEDED = ' (superseded)'
/** The suffix of a property whose name would be one of mixload's own keys. */
const PROPERTY = ' (property)'

const OWN_KEY = /^(?:\.\.\/.*|.* \(superseded\))(?: \(property\))*$/s

/** What a key of the overflow column means. */
export type OverflowKey =
  | { readonly kind: 'property'; readonly property: string }
  | { readonly kind: 'superseded' }
  | { readonly kind: 'identity' }

/** The key of a property. Two properties never have the same key, nor one of mixload's own. */
export function overflowKey(property: string): string {
  return OWN_KEY.test(property) ? property + PROPERTY : property
}

/** The key of an earlier value of a property that a line has more than once. */
export function supersededKey(property: string): string {
  return property + SUPERSEDED
}

/** The key of the exact text of a record's identity, by its member's name. */
export function identityKey(member: string): string {
  return `../${member}`
}

/** What a key of the overflow of an event means. */
export function readOverflowKey(key: string): OverflowKey {
  if (key === EVENT_KEY) return { kind: 'identity' }
  if (key.endsWith(SUPERSEDED)) return { kind: 'superseded' }
  const isEscaped = key.endsWith(PROPERTY) && OWN_KEY.test(key)
  return { kind: 'property', property: isEscaped ? key.slice(0, -PROPERTY.length) : key }
}
