import { SlashCommandSubcommandBuilder } from 'discord.js'
import { checkManager } from '../../src/discord/interaction/permission.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import { UserError } from '../../src/errors.ts'
import { template } from '../../src/sentence.ts'
import type { ServerSettings, SettingsChange } from '../../src/store/settings.ts'
import { textOf } from './text.ts'

const all = 'all'

/** People are unblocked one by one. */
const names: Readonly<Record<Exclude<keyof ServerSettings, 'blocked'>, string>> = {
  model: template('Model'),
  strength: template('Strength'),
  savers: template('Who may save'),
  limit: template('Saved differences'),
  channels: template('Channels'),
  personLimit: template('Jobs of one person'),
  roleLimits: template('Jobs of one person by role'),
  auditChannel: template('Audit channel'),
  ageRestrictedOnly: template('Age-restricted channels only'),
  keepPairs: template('Keeping pictures'),
}

export const reset = {
  data: new SlashCommandSubcommandBuilder()
    .setName('reset')
    .setDescription('Reset a setting to its default')
    .addStringOption((option) =>
      option
        .setName('setting')
        .setDescription('The setting')
        .setRequired(true)
        .addChoices(...Object.entries(names).map(([value, name]) => ({ name, value })), {
          name: 'All settings',
          value: all,
        }),
    ),

  async execute({ interaction, reply, say, store, scope, models }) {
    checkManager(interaction)
    const wanted = interaction.options.getString('setting', true)
    if (wanted !== all && !Object.hasOwn(names, wanted)) throw new UserError('There is no such setting.')
    const changes: SettingsChange = Object.fromEntries(
      Object.keys(names).flatMap((name) => (wanted === all || wanted === name ? [[name, undefined]] : [])),
    )
    await reply.whisper(textOf(say, await store.settings.change(scope, changes), models))
  },
} satisfies Subcommand
