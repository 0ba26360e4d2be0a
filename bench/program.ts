/** Any other program. */
export interface OtherProgram {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  /** Beyond what this process's own environment gives. */
  readonly environment?: Readonly<Record<string, string>>
}

/** A Node program to run as a process of its own. */
export interface NodeProgram {
  readonly script: string
  readonly args: readonly string[]
  readonly cwd: string
  /** Beyond what this process's own environment gives. */
  readonly environment?: Readonly<Record<string, string>>
}
