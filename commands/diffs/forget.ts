import { ButtonStyle, SlashCommandSubcommandBuilder } from 'discord.js'
import type { ActionCall, Call } from '../../src/discord/interaction/command.ts'
import { isManager } from '../../src/discord/interaction/permission.ts'
import { serverOf } from '../../src/discord/interaction/scope.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import { updateOrWhisper } from '../../src/discord/interaction/update-or-whisper.ts'
import type { Say } from '../../src/discord/language/say.ts'
import { buttonRow, messageOptions, textPost, withRows } from '../../src/discord/message/post.ts'
import { UserError } from '../../src/errors.ts'
import { sentence, template } from '../../src/sentence.ts'

const everybody = 'everybody'
const everywhere = 'everywhere'

export const forget = {
  data: new SlashCommandSubcommandBuilder()
    .setName('forget')
    .setDescription('Delete everything I keep about you here: differences, and what the buttons under results need')
    .addUserOption((option) =>
      option.setName('person').setDescription('About this person instead; for those who manage the server'),
    )
    .addBooleanOption((option) =>
      option
        .setName(everybody)
        .setDescription('About everybody on this server, and its settings; for those who manage it'),
    )
    .addBooleanOption((option) =>
      option.setName(everywhere).setDescription('About you, on every server and in our direct messages'),
    ),

  async execute({ interaction, reply, say, store, scope, person }) {
    const { options } = interaction
    if (options.getBoolean(everywhere)) {
      if (options.getBoolean(everybody) || options.getUser('person')) throw new UserError(onlyYours)
      const question = say(
        'Delete everything I keep about you, on every server and in our direct messages, with your settings? That can’t be undone.',
      )
      return reply.whisper(withRows(textPost(question), deleteRow(say, everywhere)))
    }
    const whose = options.getBoolean(everybody) ? everybody : (options.getUser('person')?.id ?? person)
    const { all, what } = checkWhose({ interaction, person }, whose)
    const saved = await store.differences.list(scope)
    const { length } = all ? saved : saved.filter((one) => one.person === whose)
    const question = say(
      'Delete {what} ({count, plural, =1 {one saved difference} other {# saved differences}}, and what the buttons under results need)? That can’t be undone.',
      { what, count: length },
    )
    await reply.whisper(withRows(textPost(question), deleteRow(say, whose)))
  },

  actions: {
    async forget(call) {
      const { queue, say, store, scope, argument: whose } = call
      if (whose === everywhere) return forgetEverywhere(call)
      const { all } = checkWhose(call, whose)
      // A running job holds pictures, and would save something again.
      for (const { ticket } of await queue.positions(scope)) {
        if (!all && ticket.person !== whose) continue
        await queue.cancel(ticket.id, sentence('Cancelled: its data was deleted.'))
      }
      if (all) await store.forget(scope)
      else await store.forgetPerson(scope, whose)
      await updateOrWhisper(call, textPost(say('Deleted.')))
    },
  },
} satisfies Subcommand

const onlyYours = template('`everywhere` is about you alone; please choose only one of these.')

const deleteRow = (say: Say, whose: string) =>
  buttonRow([{ label: say('Delete it all'), action: `forget:${whose}`, style: ButtonStyle.Danger }])

/** Whatever servers the person is on: Discord says who pressed. */
async function forgetEverywhere(call: ActionCall): Promise<void> {
  const { interaction, queue, say, store, person } = call
  // It may take longer than Discord waits.
  await updateOrWhisper(call, textPost(say('Deleting …')))
  for (const { ticket } of await queue.positionsOf(person)) {
    await queue.cancel(ticket.id, sentence('Cancelled: its data was deleted.'))
  }
  await store.forgetEverywhere(person)
  await interaction.editReply(messageOptions(textPost(say('Deleted.'))))
}

/** @throws UserError if this person may not have that deleted */
function checkWhose({ interaction, person }: Pick<Call, 'interaction' | 'person'>, whose: string) {
  if (!serverOf(interaction)) {
    if (whose !== person && whose !== everybody) throw new UserError('Here I keep only what is yours.')
    return {
      all: true,
      what: sentence(
        'everything of yours that belongs to no server: your own differences, and what came of direct messages and groups, with your settings',
      ),
    }
  }
  if (whose === person) return { all: false, what: sentence('everything I keep about you on this server') }
  if (!isManager(interaction)) {
    throw new UserError('Only those who manage this server may delete what is not their own.')
  }
  if (whose === everybody)
    return { all: true, what: sentence('everything I keep about this server, with its settings') }
  return { all: false, what: sentence('everything I keep about {person} on this server', { person: `<@${whose}>` }) }
}
