import type { Command } from '../src/discord/dispatch.ts'
import { analogy } from './analogy.ts'

/** Every command: what main answers and deploy-commands registers. */
export const commands: readonly Command[] = [analogy]
