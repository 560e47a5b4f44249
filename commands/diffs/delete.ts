import { ButtonStyle, SlashCommandSubcommandBuilder } from 'discord.js'
import { referenceTo } from '../../src/discord/actions/libraries.ts'
import { bold } from '../../src/discord/actions/saved.ts'
import type { Call } from '../../src/discord/interaction/command.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import { updateOrWhisper } from '../../src/discord/interaction/update-or-whisper.ts'
import { buttonRow, type Post, textPost, withRows } from '../../src/discord/message/post.ts'
import { nameOption } from './name-option.ts'
import { changeable } from './rename.ts'

export const deleteDifference = {
  data: new SlashCommandSubcommandBuilder()
    .setName('delete')
    .setDescription('Delete a difference')
    .addStringOption(nameOption),

  execute: async (call) =>
    call.reply.whisper(await questionPost(call, call.interaction.options.getString('name', true))),

  actions: {
    'delete-diff': async (call) => call.reply.whisper(await questionPost(call, call.argument)),

    async 'really-delete-diff'(call) {
      const { name, library } = await changeable(call, call.argument)
      await call.store.differences.remove(library, name)
      await updateOrWhisper(call, textPost(call.say('{name} is deleted.', { name: bold(name) })))
    },
  },
} satisfies Subcommand

async function questionPost(call: Call, given: string): Promise<Post> {
  const { say } = call
  const found = await changeable(call, given)
  const { name, person } = found
  const question =
    person === call.person
      ? say('Delete {name}? That can’t be undone.', { name: bold(name) })
      : say('Delete {name}, which {person} saved? That can’t be undone.', {
          name: bold(name),
          person: `<@${person}>`,
        })
  const action = `really-delete-diff:${referenceTo(call, found)}`
  const button = { label: say('Delete it'), action, style: ButtonStyle.Danger as const }
  return withRows(textPost(question), buttonRow([button]))
}
