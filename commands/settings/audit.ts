import { ChannelType, SlashCommandSubcommandBuilder } from 'discord.js'
import { checkManager } from '../../src/discord/interaction/permission.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import { sayIn } from '../../src/discord/language/say.ts'
import { messageOptions, textPost } from '../../src/discord/message/post.ts'
import { UserError } from '../../src/errors.ts'
import { textOf } from './text.ts'

export const audit = {
  data: new SlashCommandSubcommandBuilder()
    .setName('audit')
    .setDescription('Have each job noted in a channel: who asked, for what kind of thing, and where')
    .addChannelOption((option) =>
      option
        .setName('channel')
        .setDescription('The channel; left out: nothing is noted')
        .addChannelTypes(ChannelType.GuildText),
    ),

  async execute({ interaction, reply, say, store, scope, models }) {
    checkManager(interaction)
    const id = interaction.options.getChannel('channel')?.id
    const channel = id === undefined ? undefined : interaction.guild?.channels.cache.get(id)
    if (id !== undefined && !channel?.isSendable()) throw closed(id)
    if (channel?.isSendable()) {
      const sayToAll = sayIn(interaction.guildLocale)
      const hello = sayToAll(
        'From now on I note here who asks for what on this server. Of private jobs I tell nothing but whose they were.',
      )
      await channel.send(messageOptions(textPost(hello))).catch(() => Promise.reject(closed(channel.id)))
    }
    await reply.whisper(textOf(say, await store.settings.change(scope, { auditChannel: id }), models))
  },
} satisfies Subcommand

const closed = (id: string) =>
  new UserError('I can’t write in {channel}; please let me view it and send messages there.', { channel: `<#${id}>` })
