import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { UserError } from '../errors.ts'
import type { FromWorker, Job, JobResult, Progress, ToWorker } from './protocol.ts'

export interface RunOptions {
  /** Aborting rejects with the signal's reason, as soon as the run of a network that is under way ends. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
}

/** @throws UserError with a sentence for the person, the signal's reason, or an Error for a fault of ours. */
export type Run = (job: Job, options?: RunOptions) => Promise<JobResult>

export interface WorkerOptions {
  /** The child's entry, a file that speaks jobs/protocol. */
  readonly path: string | URL
  /** The child's arguments. @default none */
  readonly args?: readonly string[]
  /** Called when the child dies unasked, with how ("code 1", "SIGKILL"). */
  readonly onExit?: (exit: string) => void
  /**
  How long a cancelled job may go on before the child is killed.

  @default 30_000
  */
  readonly cancelGraceMilliseconds?: number
}

export interface Worker {
  /** One job at a time. A job whose child dies is run once more in a new child. */
  readonly run: Run
  /** Ends the child at once; a job that is running rejects. */
  readonly close: () => Promise<void>
}

/** Starts the child at once. One that dies is started again when the next job needs it, so that a broken one can't spin. */
export function startWorker({ path, args = [], onExit, cancelGraceMilliseconds = 30_000 }: WorkerOptions): Worker {
  let busy = false
  let closed = false
  const report = (exit: string) => {
    if (!closed) onExit?.(exit)
  }
  let worker = spawn(path, args, report)

  const run: Run = async (job, options = {}) => {
    if (busy) throw new Error('The worker does one job at a time; put a queue before it.')
    busy = true
    try {
      for (let attempt = 1; ; attempt++) {
        options.signal?.throwIfAborted()
        if (closed) throw new Error('The worker is closed.')
        if (worker.exit() !== undefined) worker = spawn(path, args, report)
        const outcome = await converse(worker, job, options, cancelGraceMilliseconds)
        if (outcome.type === 'done') return outcome.result
        options.signal?.throwIfAborted()
        if (outcome.type === 'failed') throw outcome.error
        if (closed) throw new Error('The worker was closed while it worked.')
        if (attempt === 2) throw new Error(`The worker died twice on the same job (${outcome.exit}).`)
      }
    } finally {
      busy = false
    }
  }

  const close = async () => {
    closed = true
    worker.child.kill('SIGKILL')
    await worker.exited
  }

  return { run, close }
}

interface Spawned {
  readonly child: ChildProcess
  /** True once the child listens, false when it died before. */
  readonly ready: Promise<boolean>
  /** How the child ended ("code 1", "SIGKILL"). */
  readonly exited: Promise<string>
  readonly exit: () => string | undefined
}

function spawn(path: string | URL, args: readonly string[], onExit: (exit: string) => void): Spawned {
  // The child's standard output joins our standard error: ours belongs to `--json`.
  const child = fork(path, args, { serialization: 'advanced', stdio: ['ignore', 2, 2, 'ipc'] })
  let ended: string | undefined
  const exited = new Promise<string>((resolve) => {
    const end = (how: string) => {
      if (ended !== undefined) return
      ended = how
      resolve(how)
      onExit(how)
    }
    child.once('exit', (code, signal) => end(signal ?? `code ${code}`))
    child.on('error', (error) => {
      if (child.pid === undefined) end(error.message)
    })
  })
  const ready = Promise.race([
    new Promise<boolean>((resolve) => {
      child.on('message', (message: FromWorker) => message.type === 'ready' && resolve(true))
    }),
    exited.then(() => false),
  ])
  return { child, ready, exited, exit: () => ended }
}

type Outcome =
  | { readonly type: 'done'; readonly result: JobResult }
  | { readonly type: 'failed'; readonly error: Error }
  | { readonly type: 'died'; readonly exit: string }

async function converse(worker: Spawned, job: Job, options: RunOptions, graceMilliseconds: number): Promise<Outcome> {
  const { child, ready, exited } = worker
  const { signal, onProgress } = options
  if (!(await ready)) return { type: 'died', exit: await exited }
  const id = randomUUID()
  // A message that can't be sent means a dying child: its exit is what counts.
  const send = (message: ToWorker) => child.send(message, () => {})
  let grace: NodeJS.Timeout | undefined
  let listen: ((message: FromWorker) => void) | undefined
  const cancel = () => {
    send({ type: 'cancel', id })
    grace = setTimeout(() => child.kill('SIGKILL'), graceMilliseconds)
  }
  const answered = new Promise<Outcome>((resolve) => {
    listen = (message) => {
      if (message.type === 'ready' || message.id !== id) return
      if (message.type === 'progress') onProgress?.(message.progress)
      else if (message.type === 'done') resolve({ type: 'done', result: message.result })
      else
        resolve({
          type: 'failed',
          error: message.reason === 'user' ? new UserError(message.message) : new Error(message.message),
        })
    }
    child.on('message', listen)
  })
  try {
    send({ type: 'run', id, job })
    if (signal?.aborted) cancel()
    signal?.addEventListener('abort', cancel, { once: true })
    return await Promise.race([answered, exited.then((exit): Outcome => ({ type: 'died', exit }))])
  } finally {
    clearTimeout(grace)
    signal?.removeEventListener('abort', cancel)
    if (listen) child.off('message', listen)
  }
}
