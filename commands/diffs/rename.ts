import { type ModalSubmitInteraction, SlashCommandSubcommandBuilder } from 'discord.js'
import { checkChangeIn, type Found, referenceTo } from '../../src/discord/actions/libraries.ts'
import { bold, longestName, savedNamed } from '../../src/discord/actions/saved.ts'
import type { ActionCall, Call } from '../../src/discord/interaction/command.ts'
import { form, lineField } from '../../src/discord/interaction/form.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import { updateOrWhisper } from '../../src/discord/interaction/update-or-whisper.ts'
import { checkName } from '../../src/store/names.ts'
import { nameOption } from './name-option.ts'
import { detailsPost } from './show.ts'

export const rename = {
  data: new SlashCommandSubcommandBuilder()
    .setName('rename')
    .setDescription('Give a difference another name')
    .addStringOption(nameOption)
    .addStringOption((option) =>
      option.setName('to').setDescription('The new name').setMaxLength(longestName).setRequired(true),
    ),

  async execute(call) {
    const { options } = call.interaction
    const { from, to } = await renameOne(call, options.getString('name', true), options.getString('to', true))
    await call.reply.whisper(call.say('{from} is now called {to}.', { from: bold(from), to: bold(to) }))
  },

  actions: {
    async 'rename-diff'(call) {
      const { interaction, say, argument } = call
      if (interaction.isModalSubmit()) return renameByForm(call, interaction)
      const found = await changeable(call, argument)
      const { name } = found
      const field = lineField({
        id: 'to',
        label: say('The new name'),
        description: say('Instead of {name}', { name }),
        longest: longestName,
      })
      await interaction.showModal(form(`rename-diff:${referenceTo(call, found)}`, say('Rename a difference'), [field]))
    },
  },
} satisfies Subcommand

async function renameByForm(call: ActionCall, interaction: ModalSubmitInteraction): Promise<void> {
  const { to: name, library } = await renameOne(call, call.argument, interaction.fields.getTextInputValue('to'))
  await updateOrWhisper(call, await detailsPost(call, referenceTo(call, { library, name })))
}

/** @throws UserError if this person may not rename it, or the new name is invalid or taken */
async function renameOne(call: Call, name: string, wanted: string) {
  const to = checkName(wanted)
  const { name: from, library } = await changeable(call, name)
  await call.store.differences.rename(library, from, to)
  return { from, to, library }
}

/** @throws UserError if there is no such difference, or this person may not change it */
export async function changeable(call: Call, name: string): Promise<Found> {
  const found = await savedNamed(call, name)
  checkChangeIn(call, await call.store.settings.get(call.scope), found)
  return found
}
