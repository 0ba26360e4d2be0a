/** A JSON value whose numbers are still the digits they were sent as. */
export type Exact =
  | null
  | boolean
  | string
  | { readonly number: string }
  | { readonly list: readonly Exact[] }
  | { readonly object: readonly (readonly [string, Exact])[] }

/**
 * Parses JSON keeping digits and repeated keys. Written for tests: plain, slow, and independent of
 * the code under test.
 */
export function parseExact(text: string): Exact {
  let at = 0
  const space = () => {
    while (/[ \t\r\n]/.test(text[at] ?? '')) at++
  }
  const literal = (expression: RegExp): string => {
    expression.lastIndex = at
    const match = expression.exec(text)
    if (match === null) throw new SyntaxError(`no JSON at ${at} of ${text}`)
    at += match[0].length
    return match[0]
  }
  const string = (): string => JSON.parse(literal(/"(?:[^"\\]|\\.)*"/sy))
  const value = (): Exact => {
    space()
    const first = text[at]
    if (first === '"') return string()
    if (first === '[') {
      const list: Exact[] = []
      at++
      for (space(); text[at] !== ']'; space()) {
        list.push(value())
        space()
        if (text[at] === ',') at++
      }
      at++
      return { list }
    }
    if (first === '{') {
      const object: [string, Exact][] = []
      at++
      for (space(); text[at] !== '}'; space()) {
        const key = string()
        space()
        at++
        object.push([key, value()])
        space()
        if (text[at] === ',') at++
      }
      at++
      return { object }
    }
    const word = literal(/true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y)
    if (word === 'null') return null
    return word === 'true' || word === 'false' ? word === 'true' : { number: word }
  }
  return value()
}

/**
 * One text for all spellings of a value: numbers by their exact decimal value, keys in their order.
 */
export function canonical(value: Exact): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if ('number' in value) return decimal(value.number)
  if ('list' in value) return `[${value.list.map(canonical).join()}]`
  return `{${value.object.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join()}}`
}

/** A decimal as digits and a power of ten, so that 1.10, 1.1 and 11e-1 are one. */
export function decimal(literal: string): string {
  const [mantissa = '', exponent = '0'] = literal.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.')
  const digits = (whole + fraction).replace(/^0+/, '')
  if (digits === '') return '0'
  const trimmed = digits.replace(/0+$/, '')
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - trimmed.length)
  return `${literal.startsWith('-') ? '-' : ''}${trimmed}e${power}`
}
