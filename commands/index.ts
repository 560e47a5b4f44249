import type { Command, MenuCommand } from '../src/discord/command.ts'
import { analogy } from './analogy.ts'

/** Every command: what main answers and deploy-commands registers. */
export const commands: readonly (Command | MenuCommand)[] = [analogy]
