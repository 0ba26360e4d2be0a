import type { Funnel, StepFigures } from './funnel-store.ts'

/** Seconds between two steps where a test says only how many users there were. */
const STEP_SECONDS = 60

/** A step as a funnel's answer has it. */
export interface FunnelStepAnswer {
  readonly count: number
  readonly avg_time: number | null
  readonly avg_time_from_start: number | null
  readonly step_conv_ratio: number
  readonly overall_conv_ratio: number
  readonly goal: string
  readonly event: string
  readonly [field: string]: unknown
}

/** What a funnel says of some days together. */
export interface FunnelAnswer {
  readonly steps: readonly FunnelStepAnswer[]
  readonly analysis: {
    readonly completion: number
    readonly starting_amount: number
    readonly steps: number
    readonly worst: number
  }
}

/** The answer for a range of days, both inclusive. Fields that a test gave of its own are kept for single days. */
export function funnelAnswer(funnel: Funnel, firstDay: number, lastDay: number): FunnelAnswer {
  const days: (readonly StepFigures[])[] = []
  for (let day = firstDay; day <= lastDay; day++) {
    const figures = funnel.days.get(day)
    if (figures !== undefined) days.push(figures)
  }
  const single = firstDay === lastDay ? days[0] : undefined
  const steps: FunnelStepAnswer[] = []
  for (const [index, template] of funnel.steps.entries()) {
    const given = single?.[index]
    const count = sum(days.map((figures) => countOf(figures[index])))
    steps.push({
      count,
      avg_time: index === 0 || count === 0 ? null : STEP_SECONDS,
      avg_time_from_start: index === 0 || count === 0 ? null : STEP_SECONDS * index,
      // Ratios of the first step are 1 even where nobody took it.
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

/** The step with the worst conversion; the first one only where there is no other. */
function worstOf(steps: readonly FunnelStepAnswer[]): number {
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
