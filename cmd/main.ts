import yargs, { type Argv, type Options } from 'yargs'
import { type Command, textFlag } from './command.ts'
import { exitCodeWithOutput, isTerminal, printLines, printMessage, terminalWidth, watchOutput } from './terminal.ts'
import { misuseSentence } from './usage.ts'

/** Only the named command is loaded, so that help appears at once and loads no database. */
const COMMANDS: Readonly<Record<string, { describe: string; load: () => Promise<{ command: Command }> }>> = {
  init: { describe: 'Ask for credentials and destination, and write mixload.yaml', load: () => import('./init.ts') },
  backfill: { describe: 'Load every day of a period once; resumable', load: () => import('./backfill.ts') },
  sync: { describe: 'Load what is new, and the attribution window again', load: () => import('./sync.ts') },
  load: { describe: 'Load files of events, without Mixpanel', load: () => import('./load.ts') },
  plan: { describe: 'Show what would be requested, and how long it would take', load: () => import('./plan.ts') },
  check: { describe: 'Check credentials, plan, clock and destination', load: () => import('./check.ts') },
  status: { describe: 'Show what the warehouse has', load: () => import('./status.ts') },
  verify: { describe: 'Compare the events of each day with what Mixpanel counts', load: () => import('./verify.ts') },
  report: { describe: "Count what Mixpanel's reports count", load: () => import('./report.ts') },
  views: { describe: 'Recreate the views', load: () => import('./views.ts') },
  tidy: { describe: 'Remove rows that only cost space', load: () => import('./tidy.ts') },
  dbt: { describe: 'Describe the tables for dbt', load: () => import('./dbt.ts') },
  track: { describe: 'Send an event', load: () => import('./track.ts') },
  engage: { describe: 'Change a profile', load: () => import('./engage.ts') },
  alias: { describe: 'Give a person another id', load: () => import('./alias.ts') },
  import: { describe: 'Send events of any age, from files or from the warehouse', load: () => import('./import.ts') },
  simulate: { describe: 'Run a local Mixpanel to try things out', load: () => import('./simulate.ts') },
}

const USAGE = 2

const EPILOGUE =
  'Settings also come from the environment and from mixload.yaml: see docs/settings.md. Secrets only from there.'

/** Runs the command line with these arguments and returns the exit code. */
export async function main(given: readonly string[]): Promise<number> {
  watchOutput()
  // `mixload help` and `mixload help COMMAND`.
  const [first, ...others] = given
  const argv = first === 'help' ? [...others, '--help'] : given
  if (argv.length === 1 && argv[0] === '--version') {
    const { VERSION } = await import('../lib/core/version.ts')
    printLines([VERSION])
    return 0
  }
  const parser = yargs([...argv])
    .scriptName('mixload')
    .usage('$0 <command>\n\nCopies a Mixpanel project into a warehouse and keeps it there.')
    .strict()
    .demandCommand(1, 'Name a command.')
    .version(false)
    .option('version', { type: 'boolean', describe: 'Show the version', global: false })
    .help()
    .alias('help', 'h')
    .parserConfiguration({ 'parse-positional-numbers': false })
    .wrap(Math.min(110, terminalWidth() ?? 110))
    .exitProcess(false)
  let exitCode = 0
  const named = argv.find((word) => Object.hasOwn(COMMANDS, word))
  const command = named === undefined ? undefined : (await COMMANDS[named]?.load())?.command
  const options = command === undefined ? {} : await optionsOf(command)
  const commands = Object.keys(COMMANDS)
  const flags = [...Object.keys(options), 'help', ...(named === undefined ? ['version'] : [])]
  for (const [name, { describe }] of Object.entries(COMMANDS)) {
    parser.command(
      name,
      describe,
      (builder) => {
        if (name !== named) return builder
        if (command?.words !== undefined) takeWords(builder, name, describe, command.words)
        return builder.options(options).epilogue(EPILOGUE)
      },
      async (flags) => {
        if (command !== undefined) exitCode = await execute(command, flags)
      },
    )
  }
  parser.fail((message, error, self) => {
    // A flag without its value comes as an error of yargs.
    if (error !== undefined && error !== null && error.name !== 'YError') throw error
    if (argv.length === 0) self.showHelp('error')
    throw new Misuse(misuseSentence({ message, command: named, words: argv, commands, flags }))
  })
  const [word = '-'] = argv
  if (named === undefined && !word.startsWith('-')) {
    // Also with --help, for which yargs would list all commands.
    printMessage(misuseSentence({ message: `Unknown command: ${word}`, command: named, words: [], commands, flags }))
    return USAGE
  }
  try {
    await parser.parseAsync()
    return exitCodeWithOutput(exitCode)
  } catch (error) {
    if (!(error instanceof Misuse)) throw error
    printMessage(error.message)
    return USAGE
  }
}

/** Ends the parsing of a command line that cannot be understood. */
class Misuse extends Error {}

/** Lets words follow the command's name. They are not named, because yargs would then lose `-`. */
function takeWords(builder: Argv, name: string, describe: string, words: NonNullable<Command['words']>): void {
  builder
    .usage(`$0 ${name} ${words.usage}\n\n${describe}\n\n${words.describe}`)
    .demandCommand(words.missing === undefined ? 0 : 1, words.missing)
    .strict(false)
    .strictOptions()
}

async function optionsOf(command: Command): Promise<Record<string, Options>> {
  const { defaultOf, FLAGS, flagOf, SETTINGS } = await import('../lib/settings.ts')
  const options = FLAGS.filter((name) => command.settings.includes(name)).map((name): [string, Options] => {
    const defaultDescription = defaultOf(name)
    // What is off by default needs no value: --legacy-time means true.
    const isSwitch = defaultDescription === 'off'
    const { describe } = SETTINGS[name]
    return [
      flagOf(name).slice(2),
      { type: isSwitch ? 'boolean' : 'string', requiresArg: !isSwitch, describe, defaultDescription },
    ]
  })
  return {
    ...Object.fromEntries(options),
    ...command.options,
    config: textFlag('Settings file', { defaultDescription: 'mixload.yaml' }),
    project: textFlag('Projects of the settings file, separated by commas', { defaultDescription: 'all' }),
    json: { type: 'boolean', describe: 'Print results as JSON', default: false },
  }
}

/** Runs a command with its settings and turns what it throws into an exit code. */
async function execute(command: Command, flags: Readonly<Record<string, unknown>>): Promise<number> {
  const [
    { resolveSettings },
    { readSources },
    { chosenProjects, projectsIn, runForEach },
    { createOutput, reportFailure },
  ] = await Promise.all([
    import('../lib/settings.ts'),
    import('./sources.ts'),
    import('./projects.ts'),
    import('./output.ts'),
  ])
  const options = { json: flags.json === true, isTerminal: isTerminal() }
  const output = createOutput(options)
  const abort = new AbortController()
  const stopListening = onInterrupt(abort)
  // If the system limits the size of files, a write past the limit then fails with an error,
  // instead of ending the process without a word.
  process.on('SIGXFSZ', () => {})
  try {
    const given = givenFlags(command, flags)
    const named = command.writesSettings ? false : (flags.config as string | undefined)
    const { file, environment, assertAllowed } = readSources(named, given, output)
    const others = { ...environment, ...given }
    const { projects, ...common } = file?.settings ?? {}
    // Other commands, such as simulate, are about no project.
    const isAboutProject = command.settings.includes('region') || command.settings.includes('destination')
    const several = isAboutProject ? projectsIn(projects, common, others) : undefined
    const chosen = several && chosenProjects(several, flags.project as string | undefined)
    const runs = (chosen ?? [{ name: undefined, settings: common }]).map(({ name, settings }) => {
      assertAllowed(settings)
      return { name, settings: resolveSettings(given, environment, settings, file?.inserted) }
    })
    const [, ...words] = flags._ as string[]
    const context = { flags, words, output, signal: abort.signal }
    return await runForEach(command, runs, context, (project) => createOutput({ ...options, project }))
  } catch (error) {
    return reportFailure(error, output, abort.signal)
  } finally {
    stopListening()
    output.end()
  }
}

function givenFlags(command: Command, flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    command.settings.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])),
  )
}

/** The first ^C ends the run in an orderly way, the second one at once; both are safe. */
function onInterrupt(abort: AbortController): () => void {
  const stop = () => {
    if (abort.signal.aborted) process.exit(130)
    abort.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return () => {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}
