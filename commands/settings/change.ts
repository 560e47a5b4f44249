import { type ChatInputCommandInteraction, SlashCommandSubcommandBuilder } from 'discord.js'
import type { Services } from '../../src/discord/interaction/command.ts'
import { modelNamed } from '../../src/discord/interaction/options.ts'
import { checkManager } from '../../src/discord/interaction/permission.ts'
import { strengthLimit } from '../../src/discord/interaction/strength.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import { UserError } from '../../src/errors.ts'
import type { ServerSettings, SettingsChange } from '../../src/store/settings.ts'
import { textOf } from './text.ts'

/** As many as the queue accepts from one server. */
export const mostJobs = 20

/** Every list reads all of them. */
const mostSaved = 1000

export const change = {
  data: new SlashCommandSubcommandBuilder()
    .setName('change')
    .setDescription('Change one setting or several')
    .addStringOption((option) =>
      option
        .setName('model')
        .setDescription('The model to use unless somebody asks for another')
        .setAutocomplete(true)
        .setMaxLength(100),
    )
    .addNumberOption((option) =>
      option
        .setName('strength')
        .setDescription('How strongly differences are applied unless somebody asks otherwise')
        .setMinValue(-strengthLimit)
        .setMaxValue(strengthLimit),
    )
    .addStringOption((option) =>
      option
        .setName('savers')
        .setDescription('Who may save differences, and rename and delete their own')
        .addChoices(
          { name: 'Everyone', value: 'everyone' },
          { name: 'Those who manage this server', value: 'managers' },
        ),
    )
    .addIntegerOption((option) =>
      option
        .setName('person-limit')
        .setDescription('How many jobs of one person may wait or run at a time')
        .setMinValue(1)
        .setMaxValue(mostJobs),
    )
    .addIntegerOption((option) =>
      option
        .setName('saved-limit')
        .setDescription('How many differences may be saved')
        .setMinValue(1)
        .setMaxValue(mostSaved),
    )
    .addBooleanOption((option) =>
      option.setName('age-restricted-only').setDescription('Show pictures only in age-restricted channels'),
    )
    .addBooleanOption((option) =>
      option.setName('keep-pairs').setDescription('Keep the pictures that a saved difference was learned from'),
    ),

  async execute({ interaction, reply, say, store, scope, models }) {
    checkManager(interaction)
    const changes = changesOf(interaction, models)
    if (Object.keys(changes).length === 0) throw new UserError('Please choose at least one setting to change.')
    await reply.whisper(textOf(say, await store.settings.change(scope, changes), models))
  },
} satisfies Subcommand

/** @throws UserError for an unknown model */
function changesOf({ options }: ChatInputCommandInteraction, models: Services['models']): SettingsChange {
  const model = options.getString('model')
  const given = {
    model: model === null ? null : modelNamed(model, models),
    strength: options.getNumber('strength'),
    savers: options.getString('savers') as ServerSettings['savers'] | null,
    personLimit: options.getInteger('person-limit'),
    limit: options.getInteger('saved-limit'),
    ageRestrictedOnly: options.getBoolean('age-restricted-only'),
    keepPairs: options.getBoolean('keep-pairs'),
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null))
}
