/** The longest name in UTF-8 bytes: the limit of Postgres, for all destinations. */
export const NAME_BYTES_MAX = 63

const NOT_IN_NAMES = /[^\p{L}\p{Nd}]+/gu

/** Prefixes that BigQuery reserves, avoided in all destinations. */
const RESERVED_PREFIX =
  /^_(?:table_|file_|partition|row_timestamp|colidentifier|change_sequence_number|change_type|change_timestamp|field_)/

/**
 * The column name of a property: lower case; `mp_` for a leading `$`, as in Mixpanel's own
 * warehouse exports, unless `mp_` follows it; one `_` for each run of characters other than letters
 * and digits, but none at the end, and at the beginning only if the property begins with it; `_`
 * before a leading digit and before a prefix that BigQuery reserves; a hash at the end of a name
 * that is too long. Properties may share a name: see {@link freeName}.
 */
export function columnName(property: string): string {
  const spelled = property.replace(/^\$(?:mp_)?/i, 'mp_')
  const cleaned = cleanName(spelled).replace(/_$/, '')
  const name = (spelled.startsWith('_') ? cleaned : cleaned.replace(/^_/, '')) || '_'
  return fitName(/^\p{Nd}/u.test(name) || RESERVED_PREFIX.test(name) ? `_${name}` : name)
}

/** The name of the table of a group key's profiles. It never changes, so it may end in `_`. */
export function groupTableName(key: string): string {
  return fitName(cleanName(`group_${key}`))
}

function cleanName(text: string): string {
  return text.toLowerCase().replace(NOT_IN_NAMES, '_')
}

/** The name of the column for values that do not fit `column`, as text. */
export function companionName(column: string): string {
  return fitName(`${column}__text`)
}

/** The name of the view with the current rows of a table. */
export function latestName(table: string): string {
  return fitName(table, '_latest')
}

/** `name` if it is free, else `name_2` and so on. `taken` holds names from {@link foldName}. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  let candidate = name
  for (let count = 2; taken.has(foldName(candidate)); count++) candidate = fitName(name, `_${count}`)
  return candidate
}

/**
 * An alias for all rows of a query. A property cannot choose its name: no property's column has two
 * underscores before such a letter, and columns of other tables do not know the query.
 */
export function rowAlias(sql: string): string {
  return `__row_${hash(sql)}`
}

/** A form that is equal for two names if a warehouse that ignores case treats them as one. */
export function foldName(name: string): string {
  return name.toUpperCase().toLowerCase()
}

/** `name + suffix`; if that is too long, the name is shortened and a hash precedes the suffix. */
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
  return new TextEncoder().encode(text).length
}

/** FNV-1a, 32 bits, over UTF-16 code units, as 8 hexadecimal digits: short and stable. */
function hash(text: string): string {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return (value >>> 0).toString(16).padStart(8, '0')
}
