import { FUNCTIONS, OPERATORS, SOURCES, truth, type Value, WhereError, type WhereEvent } from './where-operators.ts'

/** A parsed segmentation expression. Throws a {@link WhereError} if types do not fit. */
export type Where = (event: WhereEvent) => Value

/** Whether an expression is true for an event. Other values than true count as false. */
export function isTrue(where: Where, event: WhereEvent): boolean {
  return where(event) === true
}

/** Limits on expressions, which also limit the recursion here and in the evaluation. */
const TOKENS_MAX = 4000
const DEPTH_MAX = 200

interface Token {
  readonly type: 'number' | 'text' | 'word' | 'sign'
  readonly value: string | number
}

const TOKEN =
  /\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|([A-Za-z_]\w*)|(==|!=|>=|<=|[-+*/%<>()[\],]))/suy

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' }

/** `not` is below the comparisons, which are row 2 of the operators. */
const NOT_LEVEL = 2

/** Parses an expression. Throws a {@link WhereError} if it is not valid. */
export function parseWhere(text: string): Where {
  return new Parser(tokenize(text)).parse()
}

function tokenize(text: string): Token[] {
  const found: Token[] = []
  const end = text.trimEnd().length
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < end) {
    const from = TOKEN.lastIndex
    const match = TOKEN.exec(text)
    if (match === null) throw new WhereError(`unexpected ${JSON.stringify(text.slice(from, from + 20).trimStart())}`)
    if (found.length === TOKENS_MAX) throw new WhereError(`longer than ${TOKENS_MAX} tokens`)
    const [, number, quoted, word, sign] = match
    if (number !== undefined) found.push({ type: 'number', value: Number(number) })
    else if (quoted !== undefined) found.push({ type: 'text', value: unquote(quoted) })
    else if (word !== undefined) found.push({ type: 'word', value: word })
    else if (sign !== undefined) found.push({ type: 'sign', value: sign })
  }
  return found
}

function unquote(quoted: string): string {
  return quoted
    .slice(1, -1)
    .replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gsu, (_, code: string | undefined, letter: string) =>
      code === undefined ? (ESCAPES[letter] ?? letter) : String.fromCharCode(Number.parseInt(code, 16)),
    )
}

class Parser {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  parse(): Where {
    const expression = this.#level(0)
    if (this.#at < this.#tokens.length) throw this.#unexpected()
    return expression
  }

  #level(level: number): Where {
    const operators = OPERATORS[level]
    if (operators === undefined) return this.#negated()
    if (level === NOT_LEVEL && this.#skip('not')) {
      const operand = this.#nested(() => this.#level(NOT_LEVEL))
      return (event) => !truth(operand(event), 'not')
    }
    let expression = this.#level(level + 1)
    for (;;) {
      const found = Object.entries(operators).find(([name]) => this.#skip(name))
      if (found === undefined) return expression
      const [[, operator], left, right] = [found, expression, this.#level(level + 1)]
      expression = (event) => operator(left(event), right(event))
    }
  }

  #negated(): Where {
    if (!this.#skip('-')) return this.#primary()
    const operand = this.#nested(() => this.#negated())
    return (event) => {
      const value = operand(event)
      return typeof value === 'number' ? -value : undefined
    }
  }

  #primary(): Where {
    const token = this.#tokens[this.#at]
    if (token === undefined) throw this.#unexpected()
    if (this.#skip('(')) return this.#nested(() => this.#closed(')'))
    if (this.#skip('[')) return this.#nested(() => this.#list())
    if (token.type === 'sign') throw this.#unexpected()
    this.#at++
    const { type, value } = token
    if (type !== 'word') return () => value
    return value === 'true' || value === 'false' ? () => value === 'true' : this.#named(String(value))
  }

  #named(word: string): Where {
    const lookUp = SOURCES.get(word)
    if (lookUp !== undefined) {
      this.#expect('[')
      const name = this.#tokens[this.#at++]
      if (name?.type !== 'text') throw new WhereError(`${word}[…] needs a name in quotes`)
      this.#expect(']')
      return (event) => lookUp(event, String(name.value))
    }
    const call = FUNCTIONS.get(word)
    if (call === undefined) throw new WhereError(`unknown name ${word}`)
    this.#expect('(')
    const argument = this.#nested(() => this.#closed(')'))
    return (event) => call(argument(event))
  }

  #list(): Where {
    const items: Where[] = []
    if (this.#skip(']')) return () => []
    do items.push(this.#level(0))
    while (this.#skip(','))
    this.#expect(']')
    return (event) => items.map((item) => item(event))
  }

  #closed(end: string): Where {
    const expression = this.#level(0)
    this.#expect(end)
    return expression
  }

  #nested(parse: () => Where): Where {
    if (++this.#depth > DEPTH_MAX) throw new WhereError(`nested deeper than ${DEPTH_MAX}`)
    const expression = parse()
    this.#depth--
    return expression
  }

  #skip(value: string): boolean {
    const token = this.#tokens[this.#at]
    if (token === undefined || token.value !== value || token.type === 'text') return false
    this.#at++
    return true
  }

  #expect(value: string): void {
    if (!this.#skip(value)) throw new WhereError(`${value} expected${this.#place()}`)
  }

  #unexpected(): WhereError {
    return new WhereError(`operand expected${this.#place()}`)
  }

  #place(): string {
    const token = this.#tokens[this.#at]
    return token === undefined ? ' at the end' : ` before ${JSON.stringify(token.value)}`
  }
}
