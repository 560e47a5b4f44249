import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { FollowUp } from '../discord/delivery/result-action.ts'
import { createQueue } from '../jobs/queue.ts'
import type { Log } from '../log.ts'
import { openStore } from '../store/open.ts'
import type { Backend } from './backend.ts'
import { createComputer } from './computer.ts'
import { introduce } from './introduce.ts'
import { findUsableModels, modelsFolder } from './models.ts'
import type { Vitals } from './vitals.ts'
import { warm } from './warm.ts'

/** One process that keeps everything in a file and computes by itself. @throws UserError */
export async function openAlone(config: Config, log: Log, vitals: Vitals): Promise<Backend> {
  const models = await findUsableModels(config.model, modelsFolder, log.warn)
  for (const line of await introduce(models.usualModel, modelsFolder)) log.info(line)
  const store = await openStore(config.dataDirectory, { resultBytes: config.resultBytes })
  const gradients = join(config.dataDirectory, 'gradients')
  const computer = createComputer({
    models,
    gradients,
    device: config.device,
    warn: log.warn,
    onEnd: vitals.workerEnded,
  })
  const warmed = Promise.withResolvers<void>()
  const watched = vitals.watchRun(computer.run)
  const queue = createQueue<FollowUp>({
    run: async (job, options) => {
      await warmed.promise
      return watched(job, options)
    },
    tickets: store.tickets,
    log: log.error,
  })
  return {
    store,
    queue,
    models,
    exclusively: (_, work) => work(),
    warm: async () => {
      const device = await warm(computer.run, models)
      computer.use(device)
      warmed.resolve()
      return `the model “${models.usual}” is loaded, on ${device}`
    },
    park: async () => {
      await Promise.all([queue.park(), computer.close()])
    },
    close: store.close,
  }
}
