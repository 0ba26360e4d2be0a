/** The keys of a spooled line that no property has. */

/** The first character of generated keys. Properties that begin with it get such keys, too. */
export const OWN_KEY = '~'
/** The key of the identity's text, if it does not fit its column. */
export const IDENTITY_TEXT_KEY = `${OWN_KEY}identity!`

/** The key of a property's value as JSON in a text. */
export function exactKey(index: number): string {
  return `${OWN_KEY}${index}=`
}

/** The key of a property's value as text. */
export function textKey(index: number): string {
  return `${OWN_KEY}${index}!`
}
