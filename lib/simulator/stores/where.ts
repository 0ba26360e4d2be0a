/** Parses Mixpanel's segmentation expressions (`where`). `where-value.ts` evaluates them. */

/** A binary operator. */
export type BinaryOperator = '+' | '-' | '*' | '/' | '%' | Comparison | 'in' | 'and' | 'or'
export type Comparison = '==' | '!=' | '>' | '>=' | '<' | '<='
/** A unary operator. */
export type UnaryOperator = '-' | 'not'

const FUNCTIONS = ['floor', 'round', 'ceil', 'boolean', 'number', 'string', 'defined', 'datetime'] as const
/** A function that expressions can call. */
export type FunctionName = (typeof FUNCTIONS)[number]

const SOURCES = ['properties', 'user', 'event'] as const
/** Where an expression looks up a name. */
export type Source = (typeof SOURCES)[number]

/** A parsed expression. */
export type Where =
  | { readonly type: 'literal'; readonly value: string | number | boolean }
  | { readonly type: 'list'; readonly items: readonly Where[] }
  | { readonly type: 'property'; readonly source: Source; readonly name: string }
  | { readonly type: 'unary'; readonly operator: UnaryOperator; readonly operand: Where }
  | { readonly type: 'binary'; readonly operator: BinaryOperator; readonly left: Where; readonly right: Where }
  | { readonly type: 'call'; readonly name: FunctionName; readonly argument: Where }

/** An expression that is not valid, or whose operands have wrong types. */
export class WhereError extends Error {
  override readonly name = 'WhereError'
}

/** Limits on expressions, which also limit the recursion here and in the evaluation. */
const TOKENS_MAX = 4000
const DEPTH_MAX = 200

type Token =
  | { readonly type: 'number'; readonly value: number }
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'word'; readonly value: string }
  | { readonly type: 'sign'; readonly value: string }

const TOKEN =
  /\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|([A-Za-z_]\w*)|(==|!=|>=|<=|[-+*/%<>()[\],]))/suy

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' }

/** From lowest to highest. Operators are left-associative. `not` is between rows 1 and 2. */
const PRECEDENCE: readonly (readonly BinaryOperator[])[] = [
  ['or'],
  ['and'],
  ['==', '!=', '>', '>=', '<', '<=', 'in'],
  ['+', '-'],
  ['*', '/', '%'],
]
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
    const operators = PRECEDENCE[level]
    if (operators === undefined) return this.#negated()
    if (level === NOT_LEVEL && this.#skip('not')) {
      return this.#nested(() => ({ type: 'unary', operator: 'not', operand: this.#level(NOT_LEVEL) }))
    }
    let left = this.#level(level + 1)
    for (;;) {
      const operator = operators.find((candidate) => this.#skip(candidate))
      if (operator === undefined) return left
      left = { type: 'binary', operator, left, right: this.#level(level + 1) }
    }
  }

  #negated(): Where {
    if (!this.#skip('-')) return this.#primary()
    return this.#nested(() => ({ type: 'unary', operator: '-', operand: this.#negated() }))
  }

  #primary(): Where {
    const token = this.#tokens[this.#at]
    if (token === undefined) throw this.#unexpected()
    if (this.#skip('(')) {
      return this.#nested(() => {
        const inner = this.#level(0)
        this.#expect(')')
        return inner
      })
    }
    if (this.#skip('[')) return this.#list()
    if (token.type === 'sign') throw this.#unexpected()
    this.#at++
    if (token.type !== 'word') return { type: 'literal', value: token.value }
    if (token.value === 'true' || token.value === 'false') return { type: 'literal', value: token.value === 'true' }
    return this.#named(token.value)
  }

  #named(word: string): Where {
    const source = SOURCES.find((name) => name === word)
    if (source !== undefined) {
      this.#expect('[')
      const name = this.#tokens[this.#at++]
      if (name?.type !== 'text') throw new WhereError(`${word}[…] needs a name in quotes`)
      this.#expect(']')
      return { type: 'property', source, name: name.value }
    }
    const called = FUNCTIONS.find((name) => name === word)
    if (called === undefined) throw new WhereError(`unknown name ${word}`)
    this.#expect('(')
    return this.#nested(() => {
      const argument = this.#level(0)
      this.#expect(')')
      return { type: 'call', name: called, argument }
    })
  }

  #list(): Where {
    return this.#nested(() => {
      const items: Where[] = []
      if (this.#skip(']')) return { type: 'list', items }
      do items.push(this.#level(0))
      while (this.#skip(','))
      this.#expect(']')
      return { type: 'list', items }
    })
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
