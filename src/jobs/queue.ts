import PQueue from 'p-queue'
import type { Job, JobResult } from './protocol.ts'
import type { Run, RunOptions } from './worker-client.ts'

export interface AddOptions extends RunOptions {
  /** Called at once and on every change with the number of jobs ahead; `0` when this one runs. */
  readonly onPosition?: (ahead: number) => void
}

export interface Queue {
  /** Rejects as `run` does, and with the signal's reason when it aborts while the job waits. */
  readonly add: (job: Job, options?: AddOptions) => Promise<JobResult>
  /** Jobs that run or wait. */
  readonly size: () => number
  /** Every job, running or waiting, rejects with `reason`; so does whatever is added later. */
  readonly close: (reason: Error) => void
}

/** First come, first served, one at a time. */
export function createQueue({ run }: { readonly run: Run }): Queue {
  const line = new PQueue({ concurrency: 1 })
  const places: Place[] = []
  const closing = new AbortController()

  const leave = (place: Place) => {
    places.splice(places.indexOf(place), 1)
    places.forEach(tellPosition)
  }

  const add: Queue['add'] = async (job, { signal: given, onProgress, onPosition } = {}) => {
    const signal = given ? AbortSignal.any([given, closing.signal]) : closing.signal
    signal.throwIfAborted()
    const place: Place = { onPosition }
    places.push(place)
    // PQueue frees a running job's place the moment its signal aborts, but the worker is busy until the run of a
    // network ends. So PQueue hears of an abort only while the job waits; afterwards `run` sees to it.
    const waiting = new AbortController()
    const stopWaiting = () => waiting.abort(signal.reason)
    signal.addEventListener('abort', stopWaiting, { once: true })
    const start = () => {
      signal.removeEventListener('abort', stopWaiting)
      return run(job, { signal, onProgress })
    }
    try {
      tellPosition(place, places.length - 1)
      return await line.add(start, { signal: waiting.signal })
    } finally {
      signal.removeEventListener('abort', stopWaiting)
      leave(place)
    }
  }

  return { add, size: () => places.length, close: (reason) => closing.abort(reason) }
}

interface Place {
  readonly onPosition?: ((ahead: number) => void) | undefined
  told?: number
}

function tellPosition(place: Place, ahead: number): void {
  if (place.told === ahead) return
  place.told = ahead
  place.onPosition?.(ahead)
}
