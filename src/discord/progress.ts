import type { Progress, Stage } from '../jobs/protocol.ts'

/** What a job is doing: `ahead` jobs are before it, or it runs. */
export type Activity = { readonly ahead: number } | Progress

const stages: Readonly<Record<Stage, string>> = {
  load: 'Loading the model',
  caption: 'Looking at the pictures',
  learn: 'Learning what changes from A to A′',
  try: 'Trying it on the example',
  invert: 'Looking closely at B',
  sample: 'Painting B′',
}
const barLength = 20

/** Turns activities into one or two lines of text; keeps the time of each stage's first step to tell what is left. */
export function createNarrator(now: () => number = Date.now): (activity: Activity) => string {
  let stage: Stage | undefined
  let first = { step: 0, at: 0 }
  return (activity) => {
    if ('ahead' in activity) return waiting(activity.ahead)
    const { step, of } = activity
    if (activity.stage !== stage) {
      stage = activity.stage
      first = { step, at: now() }
    }
    const done = step - first.step
    const secondsLeft = done > 0 ? ((now() - first.at) / 1000 / done) * (of - step) : undefined
    return running(stages[activity.stage], step, of, secondsLeft)
  }
}

function waiting(ahead: number): string {
  if (ahead === 0) return 'Starting …'
  return ahead === 1 ? 'Waiting: one job is ahead of yours.' : `Waiting: ${ahead} jobs are ahead of yours.`
}

function running(stage: string, step: number, of: number, secondsLeft: number | undefined): string {
  if (of < 2) return `${stage} …`
  const filled = Math.round((step / of) * barLength)
  const left = secondsLeft === undefined ? '' : `, ${duration(secondsLeft)} left of this stage`
  return `${stage}\n${'▰'.repeat(filled)}${'▱'.repeat(barLength - filled)} ${step} of ${of}${left}`
}

function duration(seconds: number): string {
  return seconds < 90 ? `about ${Math.max(1, Math.round(seconds))} s` : `about ${Math.round(seconds / 60)} min`
}

export interface Throttle<T> {
  readonly push: (value: T) => void
  /** Drops what waits and resolves when nothing is under way, so that no stale edit follows the last word. */
  readonly stop: () => Promise<void>
}

/** Gives `edit` the newest value, one call at a time, their starts `everyMilliseconds` apart; older values are dropped. */
export function throttleLatest<T>(edit: (value: T) => Promise<void>, everyMilliseconds: number): Throttle<T> {
  let waiting: { readonly value: T } | undefined
  let timer: NodeJS.Timeout | undefined
  let underWay: Promise<void> | undefined
  let earliest = 0
  let stopped = false

  const schedule = () => {
    if (stopped || timer || underWay || !waiting) return
    timer = setTimeout(start, Math.max(0, earliest - performance.now()))
  }
  const start = () => {
    timer = undefined
    const { value } = waiting!
    waiting = undefined
    earliest = performance.now() + everyMilliseconds
    underWay = edit(value).finally(() => {
      underWay = undefined
      schedule()
    })
  }
  return {
    push: (value) => {
      waiting = { value }
      schedule()
    },
    stop: async () => {
      stopped = true
      clearTimeout(timer)
      await underWay
    },
  }
}
