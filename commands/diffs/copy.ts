import { SlashCommandSubcommandBuilder } from 'discord.js'
import { withoutPictures } from '../../src/discord/actions/libraries.ts'
import { managedServers, managesServer } from '../../src/discord/actions/managed-servers.ts'
import { bold, savedNamed } from '../../src/discord/actions/saved.ts'
import type { Call, Choice, Completion } from '../../src/discord/interaction/command.ts'
import { isManager } from '../../src/discord/interaction/permission.ts'
import { ownScope } from '../../src/discord/interaction/scope.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import { UserError } from '../../src/errors.ts'
import { nameOption } from './name-option.ts'

const mine = 'mine'

export const copy = {
  data: new SlashCommandSubcommandBuilder()
    .setName('copy')
    .setDescription('Copy a difference to another server that you manage, or to your own')
    .addStringOption(nameOption)
    .addStringOption((option) =>
      option
        .setName('server')
        .setDescription('The server; type a part of its name')
        .setAutocomplete(true)
        .setMaxLength(100)
        .setRequired(true),
    ),

  async execute(call) {
    const { interaction, person, reply, say, store } = call
    const { library, ...saved } = await savedNamed(call, interaction.options.getString('name', true))
    await reply.think()
    const target = await targetOf(call, interaction.options.getString('server', true))
    if (target === library) throw new UserError('{name} is there already.', { name: bold(saved.name) })
    // Pictures leave a server only with those who brought them, or who answer for the server.
    const isTheirs = saved.person === person || (library === call.scope && isManager(interaction))
    const isShared = isTheirs || saved.facts.isDrawn === true
    const { limit, keepPairs } = await store.settings.get(target)
    const copied = isShared ? saved : withoutPictures(saved)
    await store.differences.save(
      target,
      { ...copied, person, at: Date.now(), pairs: keepPairs ? copied.pairs : undefined },
      { limit },
    )
    await reply.whisper(
      isShared
        ? say('{name} is copied.', { name: bold(saved.name) })
        : say('{name} is copied without its pictures, which somebody else brought here.', { name: bold(saved.name) }),
    )
  },
} satisfies Subcommand

/** The library that is meant. @throws UserError if this person may not put anything there */
async function targetOf({ interaction, person }: Call, wanted: string): Promise<string> {
  if (wanted === mine) return ownScope(person)
  const { client } = interaction
  if (await managesServer(client, wanted, person)) return wanted
  const [first, ...more] = await managedServers(client, person, wanted)
  if (first && more.length === 0) return first.id
  throw new UserError('I find no such server that you manage and I am on; please choose one of those I suggest.')
}

/** Choices for `server`: nobody learns of a server that they don't manage. */
export async function completeServer({ interaction, say, scope }: Completion): Promise<readonly Choice[]> {
  const { client, user } = interaction
  const servers = await managedServers(client, user.id, interaction.options.getFocused())
  const others = servers.filter(({ id }) => id !== scope)
  return [
    ...others.map(({ id, name }) => ({ name, value: id })),
    ...(scope === ownScope(user.id) ? [] : [{ name: say('Mine'), value: mine }]),
  ]
}
