/** A program that is not a Node script. */
export interface OtherProgram {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  /** In addition to the environment of this process. */
  readonly environment?: Readonly<Record<string, string>>
}

/** A Node script to run in a process of its own. */
export interface NodeProgram {
  readonly script: string
  readonly args: readonly string[]
  readonly cwd: string
  /** In addition to the environment of this process. */
  readonly environment?: Readonly<Record<string, string>>
}
