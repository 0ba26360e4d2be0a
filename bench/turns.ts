import type { Runs } from './figures.ts'
import { type Measure, measure } from './measure.ts'
import { measureCommand } from './measure-command.ts'
import type { Subject } from './places/place.ts'
import type { TableFacts } from './table-facts.ts'

/**
 * Runs all that is compared in a case, in turns, so that what else the machine does hits all of them alike. Each must leave
 * so many rows.
 */
export async function runInTurns(
  caseName: string,
  subjects: readonly Subject[],
  rows: number,
  rounds: number,
  tell: (text: string) => void,
): Promise<readonly Runs[]> {
  const results = subjects.map(({ name }) => new Result(caseName, name))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < subjects.length; turn++) {
      const index = (round + turn) % subjects.length
      const [subject, result] = [subjects[index], results[index]]
      if (subject === undefined || result === undefined || result.failure !== undefined) continue
      await runOnce(subject, rows, result)
      tell(`  round ${round + 1}, ${subject.name}: ${result.latest}`)
    }
  }
  return results
}

/** The runs of a subject, as they come in. */
class Result implements Runs {
  readonly case: string
  readonly subject: string
  readonly measures: Measure[] = []
  facts: TableFacts = { rows: 0, columns: 0 }
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
    const used = await ('command' in program ? measureCommand(program) : measure(program))
    result.facts = await subject.facts()
    if (result.facts.rows === rows) result.measures.push(used)
    else result.failure = `loaded ${result.facts.rows} rows of ${rows}`
  } catch (error) {
    result.failure = error instanceof Error ? error.message : String(error)
  }
}
