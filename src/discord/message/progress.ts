import { duration } from '../../duration.ts'
import type { Progress, Stage } from '../../jobs/protocol.ts'
import { type Sentence, sentence } from '../../sentence.ts'
import type { Say } from '../language/say.ts'

/** What a job is doing: waiting behind `ahead` jobs, or running; and how long it may take to finish. */
export type Activity = (Waiting | Progress) & Estimate

interface Waiting {
  readonly ahead: number
}

interface Estimate {
  readonly secondsLeft?: number
}

const stages: Readonly<Record<Stage, Sentence>> = {
  load: sentence('Loading the model'),
  caption: sentence('Looking at the pictures'),
  learn: sentence('Learning what changes from A to A′'),
  try: sentence('Trying it on the example'),
  invert: sentence('Analysing B'),
  sample: sentence('Painting B′'),
}

/** One or two lines of text. */
export const narrate = (say: Say, activity: Activity, now = Date.now()): string =>
  'ahead' in activity ? waiting(say, activity, now) : running(say, activity, activity.secondsLeft)

/** Discord counts the time down by itself, which needs no edits while nothing changes. */
function waiting(say: Say, { ahead, secondsLeft }: Waiting & Estimate, now: number): string {
  if (ahead === 0) return say('Starting …')
  if (secondsLeft === undefined) {
    return say('Waiting: {ahead, plural, =1 {one job is} other {# jobs are}} ahead of yours.', { ahead })
  }
  return say(
    'Waiting: {ahead, plural, =1 {one job is} other {# jobs are}} ahead of yours. It should be ready {when}.',
    { ahead, when: `<t:${Math.round(now / 1000 + secondsLeft)}:R>` },
  )
}

function running(say: Say, { stage, step, of }: Progress, secondsLeft: number | undefined): string {
  const title = say(stages[stage])
  const left = secondsLeft === undefined ? undefined : sentence('{duration} left', { duration: duration(secondsLeft) })
  if (of < 2) return [`${title} …`, ...(left ? [say(left)] : [])].join('\n')
  // In words: a bar of blocks is read out block by block.
  const percent = Math.round((100 * step) / of)
  const done = sentence('{percent} % done, step {step} of {of}', { percent, step, of })
  return `${title}\n${left ? say('{first}, {next}', { first: done, next: left }) : say(done)}`
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
