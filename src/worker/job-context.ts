import type { ModelLayout } from '../networks/layout.ts'
import type { Clock } from './clock.ts'
import type { LoadedModel } from './model-cache.ts'

/** What a job is done with. */
export interface JobContext {
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly look: () => Promise<ModelLayout>
  /**
   * Loaded after the pictures have been read, so that a bad picture is refused at once. `checker` only where B′ is for
   * everyone.
   */
  readonly load: () => Promise<LoadedModel>
}
