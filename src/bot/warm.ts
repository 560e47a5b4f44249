import { UserError } from '../errors.ts'
import { findFaults } from '../hub/catalog.ts'
import type { Run } from '../jobs/worker-client.ts'
import { damaged, type UsableModels } from './models.ts'

/**
Reads every file of the usual model to see whether it is whole, then has the worker load it and run its network and the
network's gradient once, so that the first command waits for neither.

@returns What it is computed on.
@throws UserError when the model can't be used.
*/
export async function warm(run: Run, { usual, usualModel }: UsableModels): Promise<string | undefined> {
  const [fault] = await findFaults(usualModel)
  if (fault) throw damaged(usualModel, fault)
  try {
    // No rounds but the first, which is not timed.
    const { report } = await run({
      kind: 'bench-step',
      repeats: 0,
      options: { model: usual, mode: 'fast', seed: 0 },
    })
    return report.device
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(`The model “${usual}” could not be loaded: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
}
