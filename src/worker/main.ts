import { chooseDevice } from '../compute/device.ts'
import type { Hardware } from '../compute/hardware.ts'
import { failureOf } from '../jobs/job-error.ts'
import type { Failure, FromWorker, Job, Progress, ToWorker } from '../jobs/protocol.ts'
import { createPerformer } from './perform.ts'

// The child process that owns the models and runs one job at a time. Started by path (worker-client.ts), never
// imported. Its arguments are the folder for gradient graphs and the requested device.

const [cacheFolder, device = 'cpu'] = process.argv.slice(2)
let chosen: Promise<Hardware> | undefined
/** Tried once, when the first model is loaded. */
const hardware = () =>
  (chosen ??= chooseDevice(device as Hardware['device'] | 'auto', { tell: (line) => console.error(line) }))

const { perform } = createPerformer({ cacheFolder, hardware })

let running: { readonly id: string; readonly controller: AbortController } | undefined

process.on('message', (message: ToWorker) => {
  if (message.type === 'run') void answer(message.id, message.job)
  else if (running?.id === message.id) running.controller.abort()
})
// Without its parent the child has nobody to work for. Interrupts from the terminal are the parent's to handle.
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})
send({ type: 'ready' })

async function answer(id: string, job: Job): Promise<void> {
  if (running) return send({ type: 'failed', id, reason: 'internal', message: 'The worker runs one job at a time.' })
  const controller = new AbortController()
  running = { id, controller }
  send({ type: 'begun', id })
  try {
    const onProgress = (progress: Progress) => send({ type: 'progress', id, progress })
    send({ type: 'done', id, result: await perform(job, { signal: controller.signal, onProgress }) })
  } catch (error) {
    send({ type: 'failed', id, ...failure(error, controller.signal) })
  } finally {
    running = undefined
  }
}

function failure(error: unknown, signal: AbortSignal): Failure {
  const failed = failureOf(error)
  if (signal.aborted) return { ...failed, reason: 'cancelled' }
  if (failed.reason === 'internal') console.error(error)
  return failed
}

function send(message: FromWorker): void {
  if (!process.send) throw new Error('worker.ts is started by worker-client.ts, not by hand.')
  // If a message can't be sent, the parent is gone and 'disconnect' follows.
  process.send(message, () => {})
}
