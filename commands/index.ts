import type { Command, MenuCommand } from '../src/discord/interaction/command.ts'
import { localized } from '../src/discord/language/localize.ts'
import { analogy } from './analogy.ts'
import { applyDiff } from './apply-diff.ts'
import { applyMenu } from './apply-menu.ts'
import { diffs } from './diffs.ts'
import { help } from './help.ts'
import { learn } from './learn.ts'
import { queue } from './queue.ts'
import { saveDiff } from './save-diff.ts'
import { settings } from './settings.ts'

const all: readonly (Command | MenuCommand)[] = [
  help,
  analogy,
  learn,
  saveDiff,
  applyDiff,
  applyMenu,
  diffs,
  queue,
  settings,
]

/** Every command: the bot answers them and deploy-commands registers them. */
export const commands = all.map((command) => ({ ...command, data: localized(command.data) }))
