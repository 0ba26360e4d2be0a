/** Names are at most this many bytes in UTF-8, the limit of Postgres, so that they are the same everywhere. */
export const NAME_BYTES_MAX = 63

const NOT_IN_NAMES = /[^\p{L}\p{Nd}]+/gu

/** Beginnings that BigQuery keeps for itself (its schema reference), so that names are the same everywhere. */
const RESERVED_PREFIX =
  /^_(?:table_|file_|partition|row_timestamp|colidentifier|change_sequence_number|change_type|change_timestamp|field_)/

/**
 * The column name that a property asks for: lower case; a leading `$` is `mp_`, as in Mixpanel's own warehouse
 * exports; each run of anything but letters and digits is one `_`; `_` before a leading digit and before what BigQuery
 * reserves; too long a name ends in a hash. Different properties may ask for one name: see {@link freeName}.
 */
export function columnName(property: string): string {
  const spelled = property.startsWith('$') ? `mp_${property.slice(1)}` : property
  const cleaned = spelled.toLowerCase().replace(NOT_IN_NAMES, '_') || '_'
  return fitName(/^\p{Nd}/u.test(cleaned) || RESERVED_PREFIX.test(cleaned) ? `_${cleaned}` : cleaned)
}

/** The name of the column that takes, as text, what does not fit into `column`. */
export function companionName(column: string): string {
  return fitName(`${column}__text`)
}

/** The name of the view that has a table's rows as they are now. */
export function latestName(table: string): string {
  return fitName(table, '_latest')
}

/** `name` itself if it is free, else `name_2`, `name_3` and so on. `taken` holds names as {@link foldName} gives them. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  let candidate = name
  for (let count = 2; taken.has(foldName(candidate)); count++) candidate = fitName(name, `_${count}`)
  return candidate
}

/** The form in which two names are one name to a warehouse that ignores case. */
export function foldName(name: string): string {
  return name.toUpperCase().toLowerCase()
}

/** `name + suffix`, shortened to {@link NAME_BYTES_MAX} with a hash of the whole in the middle where it is too long. */
function fitName(name: string, suffix = ''): string {
  const whole = name + suffix
  if (utf8Length(whole) <= NAME_BYTES_MAX) return whole
  const tail = `_${hash(name)}${suffix}`
  let head = ''
  let bytes = utf8Length(tail)
  for (const character of name) {
    bytes += utf8Length(character)
    if (bytes > NAME_BYTES_MAX) break
    head += character
  }
  return head + tail
}

function utf8Length(text: string): number {
  let bytes = 0
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4
  }
  return bytes
}

/** FNV-1a, 32 bits, over UTF-16 code units, as 8 hexadecimal digits: short, stable and without a Node module. */
function hash(text: string): string {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return (value >>> 0).toString(16).padStart(8, '0')
}
