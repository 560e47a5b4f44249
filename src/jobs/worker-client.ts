import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { InterruptedError } from '../errors.ts'
import { type Sentence, sentence } from '../sentence.ts'
import { errorOf } from './job-error.ts'
import type { FromWorker, Job, JobResult, Progress, ToWorker } from './protocol.ts'
import { watchSilence } from './watch-silence.ts'

export interface RunOptions {
  /** Aborting rejects with the signal's reason as soon as the current run of a network ends. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
}

/** @throws UserError with a sentence for the person, the signal's reason, or an Error for our own fault */
export type Run = (job: Job, options?: RunOptions) => Promise<JobResult>

interface WorkerOptions {
  /** The child's entry file, which speaks jobs/protocol. */
  readonly path: string | URL
  /** The child's arguments. @default none */
  readonly args?: readonly string[]
  /** The arguments of a child that follows one that died or hung, and of all later ones. @default `args` */
  readonly argsAfterEnd?: readonly string[]
  /** Called when the child ends unexpectedly, with how ("code 1", "SIGKILL", "no sign of life for 300 s"). */
  readonly onExit?: (exit: string) => void
  /**
   * How long a child may take to start, and to say that it has begun a job. Its event loop is free then.
   *
   * @default 60_000
   */
  readonly answerMilliseconds?: number
  /**
   * How long a busy child may be silent before it is considered hung and killed. A run of a network blocks its event
   * loop, so its only signs of life are progress and, on Linux, that it uses the processor: one that computes on a machine
   * that others use too may take six times as long. The longest pauses are one step of a large model on a CPU (12 s
   * measured for SD 1.5, about a minute for SDXL) and loading one (some minutes from a slow disk).
   *
   * @default 300_000
   */
  readonly silenceMilliseconds?: number
  /**
   * How long a cancelled job may continue before the child is killed.
   *
   * @default 30_000
   */
  readonly cancelGraceMilliseconds?: number
}

export interface Worker {
  /** One job at a time. A job whose child dies is run once more in a new child. */
  readonly run: Run
  /** Ends the child at once; a running job rejects. */
  readonly close: () => Promise<void>
}

/**
 * Starts the child at once. One that dies is started again only when the next job needs it, so a broken one can't loop.
 */
export function startWorker({ path, args = [], argsAfterEnd = args, onExit, ...given }: WorkerOptions): Worker {
  const timeouts = { ...defaultTimeouts, ...given }
  let busy = false
  let closed = false
  let hasEnded = false
  const report = (exit: string) => {
    // A child that was busy when it was told to stop did nothing wrong.
    if (exit !== deaf) hasEnded = true
    if (!closed) onExit?.(exit)
  }
  let worker = spawn(path, args, report)

  const run: Run = async (job, options = {}) => {
    if (busy) throw new Error('The worker runs one job at a time; put a queue in front of it.')
    busy = true
    try {
      for (let attempt = 1; ; attempt++) {
        options.signal?.throwIfAborted()
        if (closed) throw new Error('The worker is closed.')
        if (worker.exit() !== undefined) worker = spawn(path, hasEnded ? argsAfterEnd : args, report)
        const outcome = await converse(worker, job, options, timeouts)
        if (outcome.type === 'done') return outcome.result
        options.signal?.throwIfAborted()
        if (outcome.type === 'failed') throw outcome.error
        if (closed) throw new Error('The worker was closed during a job.')
        if (attempt === 2) throw endedTwice(outcome.exit)
      }
    } finally {
      busy = false
    }
  }

  const close = async () => {
    closed = true
    worker.kill('closed')
    await worker.exited
  }

  return { run, close }
}

type Timeouts = Readonly<Record<'answerMilliseconds' | 'silenceMilliseconds' | 'cancelGraceMilliseconds', number>>

const defaultTimeouts: Timeouts = {
  answerMilliseconds: 60_000,
  silenceMilliseconds: 300_000,
  cancelGraceMilliseconds: 30_000,
}

const deaf = 'no reaction to a cancel'

const endedTwice = (exit: string) =>
  new InterruptedError(
    'The model’s process ended twice during this job, so I gave it up: {reason}.',
    { reason: reasonFor(exit) },
    { cause: new Error(exit) },
  )

/** What is known of an end, in words. */
function reasonFor(exit: string): Sentence {
  const [, seconds] = /^no sign of life for (\d+) s$/.exec(exit) ?? []
  if (seconds) return sentence('there was no sign of life for {seconds} s', { seconds })
  if (exit === 'SIGKILL') return sentence('it was ended from outside, as machines do that run out of memory')
  if (exit === 'SIGTERM') return sentence('it was told to end from outside')
  return exit.startsWith('SIG')
    ? sentence('it crashed ({exit})', { exit })
    : sentence('it ended by itself ({exit})', { exit })
}

interface Spawned {
  readonly child: ChildProcess
  /** True once the child listens, false if it died before. */
  readonly ready: Promise<boolean>
  /** How the child ended ("code 1", "SIGKILL"). */
  readonly exited: Promise<string>
  readonly exit: () => string | undefined
  /** Ends the child; `why` is how it ended. */
  readonly kill: (why: string) => void
}

function spawn(path: string | URL, args: readonly string[], onExit: (exit: string) => void): Spawned {
  // The child's standard output joins our standard error, because ours belongs to `--json`.
  const child = fork(path, args, { serialization: 'advanced', stdio: ['ignore', 2, 2, 'ipc'] })
  let ended: string | undefined
  let killed: string | undefined
  const { promise: exited, resolve } = Promise.withResolvers<string>()
  const end = (how: string) => {
    if (ended !== undefined) return
    ended = how
    resolve(how)
    onExit(how)
  }
  child.once('exit', (code, signal) => end(killed ?? signal ?? `code ${code}`))
  child.on('error', (error) => {
    if (child.pid === undefined) end(error.message)
  })
  const ready = Promise.race([
    new Promise<boolean>((resolve) => {
      child.on('message', (message: FromWorker) => message.type === 'ready' && resolve(true))
    }),
    exited.then(() => false),
  ])
  const kill = (why: string) => {
    killed = why
    // Ends a stopped process, too. Only one that hangs inside the kernel outlives it, and that is no longer waited for.
    child.kill('SIGKILL')
    setTimeout(() => end(why), 10_000).unref()
  }
  return { child, ready, exited, exit: () => ended, kill }
}

type Outcome =
  | { readonly type: 'done'; readonly result: JobResult }
  | { readonly type: 'failed'; readonly error: Error }
  | { readonly type: 'died'; readonly exit: string }

async function converse(worker: Spawned, job: Job, options: RunOptions, timeouts: Timeouts): Promise<Outcome> {
  const { child, ready, exited, kill } = worker
  const { signal, onProgress } = options
  const died = exited.then((exit): Outcome => ({ type: 'died', exit }))
  let last: Progress | undefined
  const watch = watchSilence(child.pid, {
    onSilence: (seconds) => kill(`no sign of life for ${seconds} s`),
    // It goes on with what it said last.
    onComputing: () => last && onProgress?.(last),
  })
  watch.allow(timeouts.answerMilliseconds)
  if (!(await ready)) {
    watch.stop()
    return died
  }
  const id = randomUUID()
  // A message that can't be sent means a dying child: its exit is what counts.
  const send = (message: ToWorker) => child.send(message, () => {})
  let grace: NodeJS.Timeout | undefined
  let listen: ((message: FromWorker) => void) | undefined
  const cancel = () => {
    send({ type: 'cancel', id })
    grace = setTimeout(() => kill(deaf), timeouts.cancelGraceMilliseconds)
  }
  const answered = new Promise<Outcome>((resolve) => {
    listen = (message) => {
      if (message.type === 'ready' || message.id !== id) return
      watch.allow(timeouts.silenceMilliseconds)
      if (message.type === 'progress') {
        last = message.progress
        onProgress?.(last)
      } else if (message.type === 'done') resolve({ type: 'done', result: message.result })
      else if (message.type === 'failed') resolve({ type: 'failed', error: errorOf(message) })
    }
    child.on('message', listen)
  })
  try {
    watch.allow(timeouts.answerMilliseconds)
    send({ type: 'run', id, job })
    if (signal?.aborted) cancel()
    signal?.addEventListener('abort', cancel, { once: true })
    return await Promise.race([answered, died])
  } finally {
    watch.stop()
    clearTimeout(grace)
    signal?.removeEventListener('abort', cancel)
    if (listen) child.off('message', listen)
  }
}
