import { SlashCommandSubcommandBuilder } from 'discord.js'
import { checkManager } from '../../src/discord/interaction/permission.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import { textOf } from './text.ts'

export const show = {
  data: new SlashCommandSubcommandBuilder().setName('show').setDescription('Show all settings'),

  async execute({ interaction, reply, say, store, scope, models }) {
    checkManager(interaction)
    await reply.whisper(textOf(say, await store.settings.get(scope), models))
  },
} satisfies Subcommand
