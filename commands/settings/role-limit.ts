import { SlashCommandSubcommandBuilder } from 'discord.js'
import { checkManager } from '../../src/discord/interaction/permission.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import { UserError } from '../../src/errors.ts'
import { mostJobs } from './change.ts'
import { textOf } from './text.ts'

/** All of them are shown in one message. */
const mostRoles = 25

export const roleLimit = {
  data: new SlashCommandSubcommandBuilder()
    .setName('role-limit')
    .setDescription('Let the members of a role have more or fewer jobs at a time than others')
    .addRoleOption((option) => option.setName('role').setDescription('The role').setRequired(true))
    .addIntegerOption((option) =>
      option
        .setName('jobs')
        .setDescription('How many jobs of one member may wait or run; left out: as many as of anybody else')
        .setMinValue(1)
        .setMaxValue(mostJobs),
    ),

  async execute({ interaction, reply, say, store, scope, models }) {
    checkManager(interaction)
    const role = interaction.options.getRole('role', true).id
    const jobs = interaction.options.getInteger('jobs')
    const settings = await store.settings.change(scope, ({ roleLimits }) => {
      const { [role]: _, ...others } = roleLimits
      if (jobs === null) return { roleLimits: others }
      if (Object.keys(others).length >= mostRoles) {
        throw new UserError('{most} roles have a limit of their own, and no more can: please take one back first.', {
          most: mostRoles,
        })
      }
      return { roleLimits: { ...others, [role]: jobs } }
    })
    await reply.whisper(textOf(say, settings, models))
  },
} satisfies Subcommand
