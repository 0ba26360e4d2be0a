import { confirm, isCancel, log, password, select, text } from '@clack/prompts'
import { MixloadError } from '../lib/core/errors.ts'
import { printableLine, printableText } from '../lib/core/printable.ts'
import { dialogStreams } from './terminal.ts'

/** An answer to choose. */
export interface Choice<Value> {
  readonly value: Value
  readonly label: string
  readonly hint?: string | undefined
}

/** Asks on the terminal. ^C and Escape end the command: every method throws INTERRUPTED. */
export class Questions {
  readonly #streams: ReturnType<typeof dialogStreams> & { readonly signal: AbortSignal }

  constructor(signal: AbortSignal) {
    this.#streams = { ...dialogStreams(), signal }
  }

  /** A text that is not empty. `initial`: what Enter alone answers. */
  async text(question: string, initial?: string): Promise<string> {
    const options = { message: printableLine(question), validate: refusalOf(initial), ...this.#streams }
    const shown = initial === undefined ? {} : { placeholder: printableLine(initial), defaultValue: initial }
    return answered(await text({ ...options, ...shown })).trim()
  }

  /** A text of which only dots are shown. */
  async secret(question: string): Promise<string> {
    const options = { message: printableLine(question), validate: refusalOf(undefined), ...this.#streams }
    return answered(await password(options)).trim()
  }

  async choose<Value extends string>(question: string, choices: readonly Choice<Value>[]): Promise<Value> {
    const options = choices.map(({ value, label, hint }) => ({
      value: value as string,
      label: printableLine(label),
      ...(hint === undefined ? {} : { hint: printableLine(hint) }),
    }))
    return answered(await select<string>({ message: printableLine(question), options, ...this.#streams })) as Value
  }

  async confirm(question: string, initial: boolean): Promise<boolean> {
    return answered(await confirm({ message: printableLine(question), initialValue: initial, ...this.#streams }))
  }

  succeeded(message: string): void {
    log.success(printableText(message), this.#streams)
  }

  failed(message: string): void {
    log.error(printableText(message), this.#streams)
  }
}

function refusalOf(initial: string | undefined) {
  return (answer: string | undefined) => (answer?.trim() || initial ? undefined : 'An answer is needed.')
}

function answered<Answer>(answer: Answer): Exclude<Answer, symbol> {
  if (isCancel(answer)) throw new MixloadError('INTERRUPTED', 'Stopped.')
  return answer as Exclude<Answer, symbol>
}
