import {
  ApplicationIntegrationType,
  InteractionContextType,
  PermissionFlagsBits,
  SlashCommandBuilder,
} from 'discord.js'
import type { Command } from '../src/discord/interaction/command.ts'
import { completeModel } from '../src/discord/interaction/options.ts'
import { withSubcommands } from '../src/discord/interaction/subcommands.ts'
import { audit } from './settings/audit.ts'
import { block, unblock } from './settings/block.ts'
import { change } from './settings/change.ts'
import { channels } from './settings/channels.ts'
import { reset } from './settings/reset.ts'
import { roleLimit } from './settings/role-limit.ts'
import { show } from './settings/show.ts'
import { usage } from './settings/usage.ts'

export const settings = {
  ...withSubcommands(
    new SlashCommandBuilder()
      .setName('settings')
      .setDescription('How I work on this server')
      .setContexts(InteractionContextType.Guild)
      .setIntegrationTypes(ApplicationIntegrationType.GuildInstall)
      .setDefaultMemberPermissions(PermissionFlagsBits.ManageGuild),
    [show, change, roleLimit, channels, block, unblock, audit, usage, reset],
  ),

  autocomplete: async (completion) => completeModel(completion),
} satisfies Command
