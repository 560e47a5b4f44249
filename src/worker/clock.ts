import type { JobOptions, Progress, Report, Stage } from '../jobs/protocol.ts'

export interface Clock {
  readonly progress: (progress: Progress) => void
  /** Reports that `stage` begins, and adds the time of `work` to it. */
  readonly during: <Value>(stage: Stage, work: () => Promise<Value>) => Promise<Value>
  /** Since the job began. */
  readonly elapsedMilliseconds: () => number
  readonly report: (model: { readonly name: string; readonly hash: string }, options: JobOptions) => Report
}

/** Measures the seconds spent in each stage, from the progress itself. */
export function startClock(onProgress: (progress: Progress) => void): Clock {
  const start = performance.now()
  const seconds: Partial<Record<Stage, number>> = {}
  let current: Stage = 'load'
  let since = start
  const enter = (stage: Stage) => {
    const now = performance.now()
    seconds[current] = (seconds[current] ?? 0) + (now - since) / 1000
    current = stage
    since = now
  }
  const elapsedMilliseconds = () => performance.now() - start
  return {
    progress: (progress) => {
      if (progress.stage !== current) enter(progress.stage)
      onProgress(progress)
    },
    during: async (stage, work) => {
      onProgress({ stage, step: 0, of: 1 })
      const value = await work()
      enter('caption')
      return value
    },
    elapsedMilliseconds,
    report: ({ name, hash }, { mode, seed }) => {
      enter(current)
      const { load, invert, sample } = seconds
      const learn = sumOf(seconds.learn, seconds.try)
      return {
        model: name,
        modelHash: hash,
        mode,
        seed,
        seconds: { load, learn, invert, sample, total: elapsedMilliseconds() / 1000 },
        peakRssBytes: process.resourceUsage().maxRSS * 1024,
      }
    },
  }
}

const sumOf = (...parts: readonly (number | undefined)[]) =>
  parts.every((part) => part === undefined) ? undefined : parts.reduce<number>((sum, part) => sum + (part ?? 0), 0)
