import { duration } from '../duration.ts'
import type { Progress, Stage } from '../jobs/protocol.ts'
import { english } from '../sentence.ts'

interface Screen {
  readonly isTTY?: boolean
  /** Characters per line. */
  readonly columns?: number
  readonly write: (text: string) => unknown
}

const LABELS: Readonly<Record<Stage, string>> = {
  load: 'Loading the model',
  caption: 'Looking at the pictures',
  learn: 'Learning the difference',
  try: 'Trying it on the example',
  invert: 'Analysing the picture',
  sample: 'Making the result',
}
const BAR_WIDTH = 24
const MILLISECONDS_BETWEEN_FRAMES = 100
const MILLISECONDS_BETWEEN_LINES = 5000
const CLEAR_LINE = '\r\x1b[2K'

/**
 * On a terminal a bar that is drawn over itself, elsewhere a line every five seconds.
 *
 * @param now A clock in milliseconds.
 */
export function createProgress(screen: Screen, now: () => number) {
  const bar = createBar(screen, now)
  const update = ({ stage, step, of }: Progress) =>
    bar.update({ label: LABELS[stage], step, of, short: `${step}/${of}`, long: `${step} of ${of}` })
  return { update, clear: bar.clear }
}

export interface Reading {
  /** What is being done. A new label starts a new bar. */
  readonly label: string
  readonly step: number
  readonly of: number
  /** How far it is, beside the bar and in a line. */
  readonly short: string
  readonly long: string
}

/** Like `createProgress`, for anything. */
export function createBar(screen: Screen, now: () => number) {
  const pause = screen.isTTY ? MILLISECONDS_BETWEEN_FRAMES : MILLISECONDS_BETWEEN_LINES
  let shownAt = screen.isTTY ? -Infinity : now()
  let begun: { readonly label: string; readonly step: number; readonly at: number } | undefined

  const update = (progress: Reading) => {
    const time = now()
    if (begun?.label !== progress.label) begun = { ...progress, at: time }
    if (time - shownAt < pause) return
    shownAt = time
    const speed = (progress.step - begun.step) / (time - begun.at)
    const left = speed > 0 ? english(duration((progress.of - progress.step) / speed / 1000)) : undefined
    if (screen.isTTY) screen.write(CLEAR_LINE + barLine(progress, left).slice(0, (screen.columns || 80) - 1))
    else screen.write(`${textLine(progress, left)}\n`)
  }
  /** Removes the bar. */
  const clear = () => {
    if (screen.isTTY) screen.write(CLEAR_LINE)
  }
  return { update, clear }
}

function barLine({ label, step, of, short }: Reading, left: string | undefined): string {
  const done = Math.round((Math.min(step, of) / Math.max(of, 1)) * BAR_WIDTH)
  const bar = '█'.repeat(done) + '░'.repeat(BAR_WIDTH - done)
  return `${label.padEnd(24)} ${bar} ${short}${left ? ` · ${left} left` : ''}`
}

function textLine({ label, long }: Reading, left: string | undefined): string {
  return `${label}: ${long}${left ? `, ${left} left` : ''}`
}
