import type { Progress, Stage } from '../../jobs/protocol.ts'

/** What a job is doing: waiting behind `ahead` jobs, or running; and how long it may take to finish. */
export type Activity = ({ readonly ahead: number } | Progress) & { readonly secondsLeft?: number }

const stages: Readonly<Record<Stage, string>> = {
  load: 'Loading the model',
  caption: 'Looking at the pictures',
  learn: 'Learning what changes from A to A′',
  try: 'Trying it on the example',
  invert: 'Analysing B',
  sample: 'Painting B′',
}

/** One or two lines of text. */
export const narrate = (activity: Activity, now = Date.now()): string =>
  'ahead' in activity ? waiting(activity.ahead, activity.secondsLeft, now) : running(activity, activity.secondsLeft)

/** Discord counts the time down by itself, which needs no edits while nothing changes. */
function waiting(ahead: number, secondsLeft: number | undefined, now: number): string {
  if (ahead === 0) return 'Starting …'
  const jobs = ahead === 1 ? 'one job is' : `${ahead} jobs are`
  const ready = secondsLeft === undefined ? '' : ` It should be ready <t:${Math.round(now / 1000 + secondsLeft)}:R>.`
  return `Waiting: ${jobs} ahead of yours.${ready}`
}

function running({ stage, step, of }: Progress, secondsLeft: number | undefined): string {
  const left = secondsLeft === undefined ? '' : `${duration(secondsLeft)} left`
  const title = stages[stage]
  if (of < 2) return [`${title} …`, left].filter(Boolean).join('\n')
  // In words: a bar of blocks is read out block by block.
  return `${title}\n${Math.round((100 * step) / of)} % done, step ${step} of ${of}${left && `, ${left}`}`
}

/** "about 40 s" or "about 3 min". */
export function duration(seconds: number): string {
  return seconds < 90 ? `about ${Math.max(1, Math.round(seconds))} s` : `about ${Math.round(seconds / 60)} min`
}

export interface Throttle<T> {
  readonly push: (value: T) => void
  /**
   * Drops what is pending and resolves when no edit is in progress, so that no stale edit follows the final message.
   */
  readonly stop: () => Promise<void>
}

/** Passes the newest value to `edit`, one at a time and `everyMilliseconds()` apart; older values are dropped. */
export function throttleLatest<T>(edit: (value: T) => Promise<void>, everyMilliseconds: () => number): Throttle<T> {
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
    earliest = performance.now() + everyMilliseconds()
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
