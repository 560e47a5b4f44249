import type { Report } from '../jobs/protocol.ts'
import { english } from '../sentence.ts'

/** The `--json` object, its fields in the documented order. Fields that don't apply to a job are absent. */
export function jsonReport(report: Report, out: string): string {
  const { model, mode, seed, steps, caption, seconds, loss, strength, preserve, fit, peakRssBytes } = report
  const { verdict, name, evaluations } = report
  const exact = report.exact === undefined ? null : english(report.exact)
  return JSON.stringify({
    out,
    model,
    mode,
    seed,
    steps,
    caption,
    seconds,
    loss,
    strength,
    preserve,
    fit,
    verdict,
    name,
    exact,
    evaluations,
    peakRssBytes,
  })
}

/** The same for a person. */
export function textReport(report: Report, out: string): string {
  const { caption, seconds, strength, preserve, verdict, name, seed, exact, part } = report
  const facts = [
    exact && !verdict && `${english(exact)}: done exactly, with the picture’s own pixels`,
    part && `${english(part)}: done exactly; the rest was learned`,
    caption?.a && caption.a2 && `“${caption.a}” → “${caption.a2}”`,
    name && `“${name}”`,
    caption?.b && `on “${caption.b}”`,
    strength !== undefined && `strength ${short(strength)}`,
    preserve !== undefined && `preserve ${short(preserve)}`,
    verdict && VERDICTS[verdict],
    `seed ${seed}`,
  ]
  const time = seconds.total === undefined ? '' : ` in ${seconds.total.toFixed(1)} s`
  return `Wrote ${out}${time}: ${facts.filter(Boolean).join(', ')}.`
}

export function benchJson({ bench, peakRssBytes, model, mode, seconds, device }: Report, repeats: number): string {
  return JSON.stringify({ ...bench, peakRssBytes, model, mode, device, repeats, seconds })
}

export function benchText({ bench, peakRssBytes, model, device }: Report, repeats: number): string {
  const { forwardMs, stepMs, ratio } = bench!
  const memory = `${(peakRssBytes / 2 ** 20).toFixed(0)} MB at most`
  const times = `forward ${forwardMs.toFixed(1)} ms, learning step ${stepMs.toFixed(1)} ms, ratio ${ratio.toFixed(2)}`
  return `${model} on ${device}: ${times} (medians of ${repeats}), ${memory}.`
}

const VERDICTS = { well: 'learned well', partly: 'partly learned', not: 'not learned' } as const

const short = (value: number) => String(Number(value.toFixed(2)))
