import {
  type APIMessageTopLevelComponent,
  ChannelType,
  ComponentType,
  SelectMenuDefaultValueType,
  SlashCommandSubcommandBuilder,
} from 'discord.js'
import type { AnyInteraction } from '../../src/discord/interaction/interactions.ts'
import { checkManager } from '../../src/discord/interaction/permission.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import { updateOrWhisper } from '../../src/discord/interaction/update-or-whisper.ts'
import type { Say } from '../../src/discord/language/say.ts'
import { textPost, withRows } from '../../src/discord/message/post.ts'
import { textOf } from './text.ts'

/** Discord's limit for a menu. */
const mostChannels = 25

export const channels = {
  data: new SlashCommandSubcommandBuilder()
    .setName('channels')
    .setDescription('Choose the channels in which I make pictures'),

  async execute({ interaction, reply, say, store, scope }) {
    checkManager(interaction)
    const { channels } = await store.settings.get(scope)
    const there = channels.filter((id) => isThere(interaction, id))
    await reply.whisper(
      withRows(textPost(say('In which channels may I make pictures? None chosen means all.')), menuOf(say, there)),
    )
  },

  actions: {
    async 'settings-channels'(call) {
      const { interaction, say, store, scope, models } = call
      checkManager(interaction)
      if (!interaction.isChannelSelectMenu()) return
      const chosen = interaction.values.filter((id) => isThere(interaction, id))
      await updateOrWhisper(
        call,
        textPost(textOf(say, await store.settings.change(scope, { channels: chosen }), models)),
      )
    },
  },
} satisfies Subcommand

/** A channel of this server that still exists. */
const isThere = ({ guild }: AnyInteraction, id: string) => guild?.channels.cache.has(id) === true

/** Threads follow their channel. */
function menuOf(say: Say, chosen: readonly string[]): APIMessageTopLevelComponent {
  const menu = {
    type: ComponentType.ChannelSelect as const,
    custom_id: 'settings-channels',
    placeholder: say('All channels'),
    channel_types: [
      ChannelType.GuildText,
      ChannelType.GuildAnnouncement,
      ChannelType.GuildForum,
      ChannelType.GuildMedia,
      ChannelType.GuildVoice,
      ChannelType.GuildStageVoice,
    ],
    default_values: chosen.map((id) => ({ id, type: SelectMenuDefaultValueType.Channel as const })),
    min_values: 0,
    max_values: mostChannels,
  }
  return { type: ComponentType.ActionRow, components: [menu] }
}
