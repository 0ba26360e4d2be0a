import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { messageOf } from '../lib/core/errors.ts'
import { printableJson, printableLine, printableText } from '../lib/core/printable.ts'

/*
 * All that the commands print for people goes through here, so that no name or message from outside
 * reaches a terminal as it is. A test forbids every other way.
 */

/** Prints lines to standard output. A line break within one is made visible. */
export function printLines(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${printableLine(line)}\n`).join(''))
}

/** Prints a value as a line of JSON to standard output. */
export function printJson(value: unknown): void {
  process.stdout.write(`${printableJson(value)}\n`)
}

/** Prints a message to standard error. */
export function printMessage(text: string): void {
  process.stderr.write(`${printableText(text)}\n`)
}

/** The width of the terminal in characters; undefined if there is none. */
export function terminalWidth(): number | undefined {
  return process.stdout.columns
}

/** Whether messages are read on a terminal. */
export function isTerminal(): boolean {
  return process.stderr.isTTY === true
}

/** Whether somebody can be asked: messages are read on a terminal, and answers are typed on one. */
export function canAsk(): boolean {
  return isTerminal() && process.stdin.isTTY === true
}

/** Where a dialog is shown and answered. Results on standard output stay apart from it. */
export function dialogStreams() {
  const { stdin: input, stderr: output } = process
  // Some terminals, such as that of a container, have no size: each letter would get a line.
  output.columns ||= 80
  output.rows ||= 24
  return { input, output }
}

/** Asks a question on the terminal. No answer means no. Throws the reason of `signal`. */
export async function askYesOrNo(question: string, signal: AbortSignal): Promise<boolean> {
  // The terminal keeps its mode, so that ^C is the usual signal.
  const lines = createInterface({ input: process.stdin, terminal: false })
  try {
    process.stderr.write(`${printableText(question)} [y/N] `)
    const answered = Promise.race([once(lines, 'line', { signal }), once(lines, 'close', { signal })])
    const [answer = ''] = (await answered) as [string?]
    return /^y(?:es)?$/i.test(answer.trim())
  } finally {
    lines.close()
  }
}

let isOutputLost = false

/**
 * Prints what nobody has caught, and handles failures to print. Nothing happens if the reader has
 * gone, as `head` does: the command goes on. Any other failure, such as a full disk, is reported.
 */
export function watchOutput(): void {
  process.on('uncaughtException', (error) => {
    printMessage(error.stack?.replace(error.message, () => messageOf(error)) ?? messageOf(error))
    process.exit(1)
  })
  process.stderr.on('error', () => {})
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || isOutputLost) return
    isOutputLost = true
    process.exitCode = 1
    printMessage(`Cannot write the results: ${messageOf(error)}.`)
  })
}

/** The exit code of a command, which has failed if its results were lost. */
export function exitCodeWithOutput(code: number): number {
  return isOutputLost ? Math.max(1, code) : code
}
