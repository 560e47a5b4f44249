import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { runCommandLine } from './cli/main.ts'
import { createBar, createProgress } from './cli/progress.ts'
import { readConfig } from './config.ts'
import { UserError } from './errors.ts'
import type { Model } from './hub/catalog.ts'
import type { Pulled } from './hub/pull.ts'
import { readableSize } from './hub/size.ts'
import type { Job, JobResult } from './jobs/protocol.ts'
import { startWorker } from './jobs/worker-client.ts'

// The same jobs as the bot's, from a terminal. Exit codes: 0 success, 1 our fault, 2 bad input, 130 interrupted.

class Interrupted extends Error {}

const modelsFolder = fileURLToPath(new URL('../models', import.meta.url))

try {
  const surroundings = { modelsFolder, runJob, runScript, pull, add, tell }
  console.log(await runCommandLine(process.argv.slice(2), surroundings))
} catch (error) {
  if (error instanceof UserError) fail(2, error.message)
  else if (error instanceof Interrupted) fail(130, error.message)
  else fail(1, `Something went wrong: ${error instanceof Error ? error.message : error}`)
}

async function runJob(job: Job): Promise<JobResult> {
  const signal = abortOnInterrupt()
  const progress = createProgress(process.stderr, () => performance.now())
  const { dataDirectory, device } = readConfig()
  const gradients = join(dataDirectory, 'gradients')
  const worker = startWorker({
    path: new URL('./worker/main.ts', import.meta.url),
    args: [gradients, device],
    argsAfterEnd: [gradients, 'cpu'],
    onExit: (how) => tell(`The model’s process ended (${how}).`),
  })
  try {
    return await worker.run(job, { signal, onProgress: progress.update })
  } finally {
    progress.clear()
    await worker.close()
  }
}

async function runScript(script: string, args: readonly string[]): Promise<string> {
  const path = fileURLToPath(new URL(`../bench/${script}`, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  if (code !== 0) throw new UserError(`${script} ended with ${code}: it needs the development packages (\`npm ci\`).`)
  return output.trimEnd()
}

async function pull(model: Model): Promise<Pulled> {
  // The hub's library is slow to load.
  const { pullModel } = await import('./hub/pull.ts')
  const { hubUrl: url, hubToken: token } = readConfig()
  const bar = createBar(process.stderr, () => performance.now())
  try {
    return await pullModel(model, {
      url,
      token,
      signal: abortOnInterrupt('Interrupted: call `models pull` again to resume.'),
      onProgress: ({ stage, bytes, of }) =>
        bar.update({
          label: stage === 'check' ? 'Comparing checksums' : 'Downloading the model',
          step: bytes,
          of,
          short: `${readableSize(bytes)} / ${readableSize(of)}`,
          long: `${readableSize(bytes)} of ${readableSize(of)}`,
        }),
    })
  } finally {
    bar.clear()
  }
}

async function add(address: string): Promise<Model> {
  const { addModel } = await import('./hub/add.ts')
  const { hubUrl: url, hubToken: token } = readConfig()
  return addModel(address, modelsFolder, { url, token, signal: abortOnInterrupt() })
}

/** From here on an interrupt lets us clean up first. */
function abortOnInterrupt(sentence = 'Interrupted.'): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // The second interrupt ends the process at once, without waiting for the network's run to finish.
      if (controller.signal.aborted) process.exit(130)
      controller.abort(new Interrupted(sentence))
    })
  }
  return controller.signal
}

function tell(sentence: string): void {
  console.error(sentence)
}

function fail(code: number, sentence: string): void {
  tell(sentence)
  process.exitCode = code
}
