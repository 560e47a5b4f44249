import { readFileSync } from 'node:fs'

/** Calls `onSilence` once if nothing arrives in time, or `onComputing` if the child uses the processor all the same. */
export function watchSilence(
  pid: number | undefined,
  { onSilence, onComputing }: { readonly onSilence: (seconds: number) => void; readonly onComputing: () => void },
) {
  let timer: NodeJS.Timeout | undefined
  const wait = (milliseconds: number, round: number) => {
    const before = processorSeconds(pid)
    timer = setTimeout(() => {
      const used = (processorSeconds(pid) ?? 0) - (before ?? Infinity)
      if (round === MOST_ROUNDS || used < (COMPUTING * milliseconds) / 1000)
        return onSilence((round * milliseconds) / 1000)
      onComputing()
      wait(milliseconds, round + 1)
    }, milliseconds)
  }
  return {
    allow: (milliseconds: number) => {
      clearTimeout(timer)
      wait(milliseconds, 1)
    },
    stop: () => clearTimeout(timer),
  }
}

/** The share of a processor that is more than a process uses that only waits. */
const COMPUTING = 0.05
const MOST_ROUNDS = 6

/** The processor time that a process has used so far, in seconds; undefined where the system has no `/proc`. */
function processorSeconds(pid: number | undefined): number | undefined {
  try {
    // The name of the process, in parentheses, may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
    const [user, system] = [Number(fields[11]), Number(fields[12])]
    return (user + system) / TICKS_PER_SECOND
  } catch {
    return undefined
  }
}

/** What Linux tells programs, whatever it counts itself. */
const TICKS_PER_SECOND = 100
