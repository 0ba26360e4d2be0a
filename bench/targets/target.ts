import type { NodeProgram, OtherProgram } from '../program.ts'
import type { TableSize } from '../table-size.ts'

/** A program to measure. */
export interface Subject {
  readonly name: string
  /** Empties the target. Not measured. */
  prepare(): Promise<void>
  readonly program: NodeProgram | OtherProgram
  /** The size of the table that the program has loaded. */
  size(): Promise<TableSize>
}

/** A destination to load into, with the baselines to compare with. */
export interface Target extends AsyncDisposable {
  /** As `--destination` takes it. */
  readonly destination: string
  /** Deletes everything that was loaded. */
  clear(): Promise<void>
  /** The size of the table `export`. */
  size(): Promise<TableSize>
  /** A and possibly B: the destination's own, fastest ways to load the same data. */
  baselines(): Promise<readonly Subject[]>
}

/** What a target may need. */
export interface TargetOptions {
  /** Gzip files of the raw export. */
  readonly paths: readonly string[]
  /** A directory that only this target uses. */
  readonly directory: string
  /**
   * Returns a DuckDB file with the same rows as mixload loads, in `mixpanel.export`. Created by the
   * first call.
   */
  readonly loadedRows: () => Promise<string>
}

/** Opens a target. */
export type OpenTarget = (options: TargetOptions) => Promise<Target>
