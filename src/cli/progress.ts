import type { Progress, Stage } from '../jobs/protocol.ts'

export interface Screen {
  readonly isTTY?: boolean
  /** Characters in a line. */
  readonly columns?: number
  readonly write: (text: string) => unknown
}

const LABELS: Readonly<Record<Stage, string>> = {
  load: 'Loading the model',
  caption: 'Looking at the pictures',
  learn: 'Learning the difference',
  try: 'Trying it on the example',
  invert: 'Tracing the picture back',
  sample: 'Making the result',
}
const BAR_WIDTH = 24
const MILLISECONDS_BETWEEN_FRAMES = 100
const MILLISECONDS_BETWEEN_LINES = 5000
const CLEAR_LINE = '\r\x1b[2K'

/**
 * A bar that is drawn over itself where the screen is a terminal, else a line every five seconds.
 *
 * @param now A clock in milliseconds.
 */
export function createProgress(screen: Screen, now: () => number) {
  const pause = screen.isTTY ? MILLISECONDS_BETWEEN_FRAMES : MILLISECONDS_BETWEEN_LINES
  let shownAt = screen.isTTY ? -Infinity : now()
  let begun: { readonly stage: Stage; readonly step: number; readonly at: number } | undefined

  const update = (progress: Progress) => {
    const time = now()
    if (begun?.stage !== progress.stage) begun = { ...progress, at: time }
    if (time - shownAt < pause) return
    shownAt = time
    const speed = (progress.step - begun.step) / (time - begun.at)
    const left = speed > 0 ? duration((progress.of - progress.step) / speed) : undefined
    if (screen.isTTY) screen.write(CLEAR_LINE + barLine(progress, left).slice(0, (screen.columns || 80) - 1))
    else screen.write(`${textLine(progress, left)}\n`)
  }
  /** Takes the bar away. */
  const clear = () => {
    if (screen.isTTY) screen.write(CLEAR_LINE)
  }
  return { update, clear }
}

function barLine({ stage, step, of }: Progress, left: string | undefined): string {
  const done = Math.round((Math.min(step, of) / Math.max(of, 1)) * BAR_WIDTH)
  const bar = '█'.repeat(done) + '░'.repeat(BAR_WIDTH - done)
  return `${LABELS[stage].padEnd(24)} ${bar} ${step}/${of}${left ? ` · ${left} left` : ''}`
}

function textLine({ stage, step, of }: Progress, left: string | undefined): string {
  return `${LABELS[stage]}: ${step} of ${of}${left ? `, ${left} left` : ''}`
}

function duration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000)
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}
