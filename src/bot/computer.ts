import type { Config } from '../config.ts'
import { type Run, startWorker } from '../jobs/worker-client.ts'
import type { UsableModels } from './models.ts'

interface ComputerOptions {
  readonly models: UsableModels
  /** The folder that gradient graphs are kept in. */
  readonly gradients: string
  readonly device: Config['device']
  readonly warn: (line: string) => void
  /** The process that computes ended without being asked to. */
  readonly onEnd?: () => void
}

interface Computer {
  /** Takes models by their names. */
  readonly run: Run
  /** The device that models turned out to be computed on. */
  readonly use: (device: string | undefined) => void
  readonly close: () => Promise<void>
}

/** The process that computes on this machine. */
export function createComputer({ models, gradients, device, warn, onEnd }: ComputerOptions): Computer {
  let used: string | undefined
  const worker = startWorker({
    path: new URL('../worker/main.ts', import.meta.url),
    args: [gradients, device],
    // The device may have caused it.
    argsAfterEnd: [gradients, 'cpu'],
    onExit: (how) => {
      warn(`The worker ended (${how}).`)
      if (used && used !== 'cpu') warn(`${used} is not used again until the next start.`)
      onEnd?.()
    },
  })
  return {
    run: (job, options) =>
      worker.run({ ...job, options: { ...job.options, model: models.locate(job.options.model) } }, options),
    use: (given) => {
      used = given
    },
    close: worker.close,
  }
}
