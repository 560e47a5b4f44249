import { SlashCommandBuilder } from 'discord.js'
import { completeSaved } from '../src/discord/actions/saved.ts'
import type { Command } from '../src/discord/interaction/command.ts'
import { completeModel } from '../src/discord/interaction/options.ts'
import { everywhere } from '../src/discord/interaction/scope.ts'
import { withSubcommands } from '../src/discord/interaction/subcommands.ts'
import { completeServer, copy } from './diffs/copy.ts'
import { deleteDifference } from './diffs/delete.ts'
import { exportDifference } from './diffs/export.ts'
import { forget } from './diffs/forget.ts'
import { importDifference } from './diffs/import.ts'
import { list } from './diffs/list.ts'
import { rename } from './diffs/rename.ts'
import { show } from './diffs/show.ts'

export const diffs = {
  ...withSubcommands(
    new SlashCommandBuilder()
      .setName('diffs')
      .setDescription('The differences that are saved here')
      .setContexts(...everywhere.contexts)
      .setIntegrationTypes(...everywhere.integrationTypes),
    [list, show, rename, deleteDifference, copy, exportDifference, importDifference, forget],
  ),

  autocomplete: async (completion) => {
    const { name } = completion.interaction.options.getFocused(true)
    if (name === 'model') return completeModel(completion)
    return name === 'server' ? completeServer(completion) : completeSaved(completion)
  },
} satisfies Command
