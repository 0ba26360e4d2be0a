import type { Funnel, StepFigures } from './funnel-store.ts'

/** The time between two steps if only the numbers of users are known, in seconds. */
const STEP_SECONDS = 60

/** A step in the response of a funnel. */
export interface FunnelStepResult {
  readonly count: number
  readonly avg_time: number | null
  readonly avg_time_from_start: number | null
  readonly step_conv_ratio: number
  readonly overall_conv_ratio: number
  readonly goal: string
  readonly event: string
  readonly [field: string]: unknown
}

/** The response of a funnel for some days together. */
export interface FunnelResult {
  readonly steps: readonly FunnelStepResult[]
  readonly analysis: {
    readonly completion: number
    readonly starting_amount: number
    readonly steps: number
    readonly worst: number
  }
}

/** Returns the result for a range of days, both inclusive. Single days keep custom fields. */
export function funnelResult(funnel: Funnel, firstDay: number, lastDay: number): FunnelResult {
  const days: (readonly StepFigures[])[] = []
  for (let day = firstDay; day <= lastDay; day++) {
    const figures = funnel.days.get(day)
    if (figures !== undefined) days.push(figures)
  }
  const single = firstDay === lastDay ? days[0] : undefined
  const steps: FunnelStepResult[] = []
  for (const [index, template] of funnel.steps.entries()) {
    const given = single?.[index]
    const count = sum(days.map((figures) => countOf(figures[index])))
    steps.push({
      count,
      avg_time: index === 0 || count === 0 ? null : STEP_SECONDS,
      avg_time_from_start: index === 0 || count === 0 ? null : STEP_SECONDS * index,
      // The ratios of the first step are 1 even if nobody reached it.
      step_conv_ratio: index === 0 ? 1 : ratio(count, steps[index - 1]?.count ?? 0),
      overall_conv_ratio: index === 0 ? 1 : ratio(count, steps[0]?.count ?? 0),
      goal: template.event,
      ...template,
      ...(typeof given === 'object' ? given : {}),
    })
  }
  return {
    steps,
    analysis: {
      completion: steps.at(-1)?.count ?? 0,
      starting_amount: steps[0]?.count ?? 0,
      steps: steps.length,
      worst: worstOf(steps),
    },
  }
}

/** Returns the step with the worst conversion; the first step only if it is the only one. */
function worstOf(steps: readonly FunnelStepResult[]): number {
  let worst = Math.min(1, steps.length - 1)
  for (const [index, step] of steps.entries()) {
    if (index > 0 && step.step_conv_ratio < (steps[worst]?.step_conv_ratio ?? 0)) worst = index
  }
  return Math.max(0, worst)
}

function countOf(figures: StepFigures | undefined): number {
  return typeof figures === 'object' ? figures.count : (figures ?? 0)
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
