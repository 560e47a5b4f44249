import { UserError } from '../errors.ts'
import { findFaults } from '../hub/catalog.ts'
import type { Run } from '../jobs/worker-client.ts'
import { damaged, type UsableModels } from './models.ts'

/**
 * Checks every file of the default model, then has the worker load it and run its network and the gradient once, so
 * that the first command waits for neither.
 *
 * @returns The device it is computed on.
 * @throws UserError if the model can't be used
 */
export async function warm(run: Run, { usual, usualModel }: UsableModels): Promise<string | undefined> {
  const [fault] = await findFaults(usualModel)
  if (fault) throw damaged(usualModel, fault)
  try {
    // Only the first round, which is not timed.
    const { report } = await run({
      kind: 'bench-step',
      repeats: 0,
      options: { model: usual, mode: 'fast', seed: 0 },
    })
    return report.device
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(
      `The model “${usual}” could not be loaded: ${error instanceof Error ? error.message : error}`,
      {},
      { cause: error },
    )
  }
}
