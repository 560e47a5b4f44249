import type { Job, Progress, Stage } from './protocol.ts'

export interface Durations {
  /** How many seconds a job like this takes: the medians of the latest ones, or a guess. */
  readonly expect: (job: Job) => number
  /** For a job that starts now. */
  readonly start: (job: Job) => Stopwatch
}

export interface Stopwatch {
  readonly see: (progress: Progress) => void
  /** Until the job ends: the rest of its stage at the pace seen so far, and the stages that follow. */
  readonly secondsLeft: () => number
  /** The job finished: what it took counts from now on. */
  readonly finish: () => void
}

/** Learns how long the stages of each kind of job take. Kept in memory. @param now In milliseconds. */
export function createDurations(now: () => number): Durations {
  const measured = new Map<string, number[]>()
  const keyOf = (job: Job, stage: Stage) => {
    const { model, mode, steps } = job.options
    return JSON.stringify([job.kind, model, mode, steps, stage])
  }
  const expectStage = (job: Job, stage: Stage) => median(measured.get(keyOf(job, stage))) ?? guess(job, stage)
  const expect = (job: Job) => sum(stagesOf(job).map((stage) => expectStage(job, stage)))

  const start = (job: Job): Stopwatch => {
    const stages = stagesOf(job)
    const spent = new Map<Stage, number>()
    let reached = 0
    let since = now()
    /** The first step of this stage that was seen; its pace is measured from there. */
    let first: { readonly step: number; readonly at: number } | undefined
    let share = 0
    const elapsed = () => (now() - since) / 1000
    const leave = () => {
      spent.set(stages[reached]!, elapsed())
      since = now()
      first = undefined
      share = 0
    }
    return {
      see: ({ stage, step, of }) => {
        // B is captioned after learning from A and A′: stages never go back.
        const index = Math.max(reached, stages.indexOf(stage))
        if (index !== reached) leave()
        reached = index
        if (stage !== stages[reached]) return
        first ??= { step, at: now() }
        share = (step - first.step) / Math.max(1, of - first.step)
      },
      secondsLeft: () => {
        const usual = expectStage(job, stages[reached]!)
        const atThisPace = first && share > 0 ? ((now() - first.at) / 1000) * (1 / share - 1) : undefined
        const following = sum(stages.slice(reached + 1).map((stage) => expectStage(job, stage)))
        return (atThisPace ?? Math.max(0, usual - elapsed())) + following
      },
      finish: () => {
        leave()
        for (const stage of stages) {
          const key = keyOf(job, stage)
          measured.set(key, [...(measured.get(key) ?? []), spent.get(stage) ?? 0].slice(-REMEMBERED))
        }
      },
    }
  }
  return { expect, start }
}

/** Few enough to follow a machine that becomes busy, enough for one outlier not to matter. */
const REMEMBERED = 9

function stagesOf({ kind }: Job): readonly Stage[] {
  return {
    analogy: ['load', 'caption', 'learn', 'try', 'invert', 'sample'],
    learn: ['load', 'caption', 'learn', 'try'],
    apply: ['load', 'caption', 'invert', 'sample'],
    inspect: ['load'],
    'bench-step': ['load'],
  }[kind] as readonly Stage[]
}

/** Seconds of the model that ships, on two cores. */
function guess({ options: { mode, steps } }: Job, stage: Stage): number {
  const isFast = mode === 'fast'
  const walk = isFast ? 2 : 6
  return {
    load: 0.5,
    caption: 0.2,
    learn: (steps ?? (isFast ? 60 : 1000)) * (isFast ? 0.09 : 0.2),
    try: isFast ? 4 : walk,
    invert: walk,
    sample: walk,
  }[stage]
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0)

function median(numbers: readonly number[] | undefined): number | undefined {
  return numbers?.toSorted((one, other) => one - other)[numbers.length >> 1]
}
