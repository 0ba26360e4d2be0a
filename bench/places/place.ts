import type { NodeProgram, OtherProgram } from '../program.ts'
import type { TableFacts } from '../table-facts.ts'

/** A program that is measured, and what it leaves. */
export interface Subject {
  readonly name: string
  /** Makes its target empty. Not measured. */
  prepare(): Promise<void>
  readonly program: NodeProgram | OtherProgram
  facts(): Promise<TableFacts>
}

/** A destination to load into, and what is compared with it there. */
export interface Place extends AsyncDisposable {
  /** As `--destination` takes it. */
  readonly destination: string
  /** Removes what a load has left. */
  clear(): Promise<void>
  /** What a load has left in the table `export`. */
  facts(): Promise<TableFacts>
  /** A and, where there is one, B: the least that the destination itself takes for the same data. */
  baselines(): Promise<readonly Subject[]>
}

/** What a place may need to know. */
export interface PlaceOptions {
  /** Gzip files of the raw export. */
  readonly paths: readonly string[]
  /** A directory of its own. */
  readonly directory: string
  /** A DuckDB file that has the same rows as mixload loads them, in `mixpanel.export`: made on the first call. */
  readonly readyRows: () => Promise<string>
}

export type OpenPlace = (options: PlaceOptions) => Promise<Place>
