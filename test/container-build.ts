/**
 * Builds what a Containerfile describes without a container engine: each stage is a directory, and
 * paths are within it.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join, matchesGlob } from 'node:path'

export interface Instruction {
  readonly name: string
  /** Such as `--from=build`, without the dashes. */
  readonly flags: Readonly<Record<string, string>>
  /** What follows the flags. */
  readonly text: string
}

/** A stage after its last instruction. */
export interface Stage {
  readonly base: string
  /** The directory that stands for the root of its file system. */
  readonly root: string
  readonly instructions: readonly Instruction[]
  readonly environment: Readonly<Record<string, string>>
  readonly workdir: string
}

/** The instructions of a Containerfile. */
export function instructionsOf(file: string): readonly Instruction[] {
  const text = readFileSync(file, 'utf8').replaceAll(/^\s*#.*\n/gm, '')
  return text
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', flags = '', rest = ''] = /^(\w+)((?:\s+--[\w-]+=\S+)*)\s+(.*)$/.exec(line) ?? []
      const pairs = [...flags.matchAll(/--([\w-]+)=(\S+)/g)].map(([, flag = '', value = '']) => [flag, value])
      return { name, flags: Object.fromEntries(pairs), text: rest }
    })
}

/** The files right in a directory that its ignore file lets a build see. */
export function contextOf(directory: string, ignoreFile: string): readonly string[] {
  const patterns = readFileSync(ignoreFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const isIgnored = (name: string) =>
    patterns.reduce((before, pattern) => {
      const isException = pattern.startsWith('!')
      return matchesGlob(name, isException ? pattern.slice(1) : pattern) ? !isException : before
    }, false)
  return readdirSync(directory).filter((name) => !isIgnored(name))
}

/** Builds every stage below a directory, and returns the last one. */
export function build(file: string, context: { directory: string; files: readonly string[] }, below: string): Stage {
  const stages = new Map<string, Stage>()
  let stage: Stage | undefined
  for (const instruction of instructionsOf(file)) {
    if (instruction.name === 'FROM') {
      const [base = '', , name = 'last'] = instruction.text.split(/\s+/)
      const root = join(below, name)
      mkdirSync(root, { recursive: true })
      stage = { base, root, instructions: [], environment: {}, workdir: '/' }
      stages.set(name, stage)
      continue
    }
    if (stage === undefined) throw new Error(`${instruction.name} comes before FROM`)
    const next = apply(stage, instruction, context, stages)
    for (const [name, known] of stages) if (known === stage) stages.set(name, next)
    stage = next
  }
  if (stage === undefined) throw new Error('no FROM')
  return stage
}

function apply(
  stage: Stage,
  instruction: Instruction,
  context: { directory: string; files: readonly string[] },
  stages: ReadonlyMap<string, Stage>,
): Stage {
  const done = { ...stage, instructions: [...stage.instructions, instruction] }
  const { name, text } = instruction
  switch (name) {
    case 'WORKDIR':
      mkdirSync(join(stage.root, text), { recursive: true })
      return { ...done, workdir: text }
    case 'ENV': {
      const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(text) ?? []
      return { ...done, environment: { ...stage.environment, [key]: value } }
    }
    case 'COPY':
      copy(stage, instruction, context, stages)
      return done
    case 'RUN':
      execFileSync('bash', ['-ec', text], { cwd: join(stage.root, stage.workdir), stdio: 'pipe' })
      return done
    case 'LABEL':
    case 'USER':
    case 'VOLUME':
    case 'ENTRYPOINT':
    case 'CMD':
      return done
    default:
      throw new Error(`unknown instruction ${name}`)
  }
}

function copy(
  stage: Stage,
  { flags, text }: Instruction,
  context: { directory: string; files: readonly string[] },
  stages: ReadonlyMap<string, Stage>,
): void {
  const words = text.split(/\s+/)
  const to = words.pop() ?? ''
  const target = join(stage.root, to.startsWith('/') ? to : join(stage.workdir, to))
  const options = { recursive: true, verbatimSymlinks: true }
  if (flags.from !== undefined) {
    const from = stages.get(flags.from)
    if (from === undefined) throw new Error(`no stage ${flags.from}`)
    for (const source of words) cpSync(join(from.root, source), target, options)
    return
  }
  for (const pattern of words) {
    const files = context.files.filter((name) => matchesGlob(name, pattern))
    if (files.length === 0) throw new Error(`COPY finds no ${pattern}`)
    for (const name of files) cpSync(join(context.directory, name), join(target, name), options)
  }
}
