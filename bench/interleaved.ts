import type { Runs } from './figures.ts'
import { type Measure, measure } from './measure.ts'
import { measureCommand } from './measure-command.ts'
import type { TableSize } from './table-size.ts'
import type { Subject } from './targets/target.ts'

/**
 * Runs the subjects of a case alternately, so that other load on the machine affects them equally.
 * Each must load `rows` rows.
 */
export async function runInterleaved(
  caseName: string,
  subjects: readonly Subject[],
  rows: number,
  rounds: number,
  log: (text: string) => void,
): Promise<readonly Runs[]> {
  const results = subjects.map(({ name }) => new Result(caseName, name))
  for (let round = 0; round < rounds; round++) {
    for (let offset = 0; offset < subjects.length; offset++) {
      const index = (round + offset) % subjects.length
      const [subject, result] = [subjects[index], results[index]]
      if (subject === undefined || result === undefined || result.failure !== undefined) continue
      await runOnce(subject, rows, result)
      log(`  round ${round + 1}, ${subject.name}: ${result.latest}`)
    }
  }
  return results
}

/** The runs of a subject so far. */
class Result implements Runs {
  readonly case: string
  readonly subject: string
  readonly measures: Measure[] = []
  size: TableSize = { rows: 0, columns: 0 }
  failure: string | undefined

  constructor(caseName: string, subject: string) {
    this.case = caseName
    this.subject = subject
  }

  get latest(): string {
    return this.failure ?? `${this.measures.at(-1)?.wallSeconds.toFixed(2)} s`
  }
}

async function runOnce(subject: Subject, rows: number, result: Result): Promise<void> {
  try {
    await subject.prepare()
    const { program } = subject
    const cost = await ('command' in program ? measureCommand(program) : measure(program))
    result.size = await subject.size()
    if (result.size.rows === rows) result.measures.push(cost)
    else result.failure = `loaded ${result.size.rows} of ${rows} rows`
  } catch (error) {
    result.failure = error instanceof Error ? error.message : String(error)
  }
}
