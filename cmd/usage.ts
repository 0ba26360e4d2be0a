import { didYouMean } from '../lib/core/nearest.ts'

/** A command line that cannot be understood. */
interface CommandLine {
  /** What yargs says about it. */
  readonly message: string
  /** The command that is named; undefined if there is none. */
  readonly command: string | undefined
  readonly words: readonly string[]
  /** The names of all commands, and the flags of the one that is named. */
  readonly commands: readonly string[]
  readonly flags: readonly string[]
}

/** What is wrong with a command line, and where to look, in one line. */
export function misuseSentence(line: CommandLine): string {
  const place = line.command === undefined ? 'mixload' : `mixload ${line.command}`
  return `${place}: ${problemOf(line)} See ${place} --help.`
}

function problemOf({ message, command, words, commands, flags }: CommandLine): string {
  const [, unknown] = /^Unknown (?:argument|command)s?: (.*)$/s.exec(message) ?? []
  const [first = ''] = unknown?.split(', ') ?? []
  // A letter after one dash is a flag by itself.
  const flag = words.find((word) => word.startsWith(first.length === 1 ? `-${first}` : `--${first}`))
  if (flag !== undefined && first !== '') {
    const name = flag.replace(/=.*/s, '')
    return `there is no flag ${name}.${didYouMean(
      name,
      flags.map((known) => `--${known}`),
    )}`
  }
  if (first !== '' && command === undefined) return `there is no command ${first}.${didYouMean(first, commands)}`
  if (first !== '') return `${first} is not expected here.`
  const [, needy] = /^Not enough arguments following: (.*)$/.exec(message) ?? []
  if (needy !== undefined) return `--${needy} needs a value.`
  const [, name, given, choices] = /Argument: (.*), Given: (.*), Choices: (.*)/.exec(message) ?? []
  return name === undefined ? message : `--${name} ${given} is not valid: it must be one of ${choices}.`
}
