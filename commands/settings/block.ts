import {
  type ChatInputCommandInteraction,
  PermissionFlagsBits,
  type PermissionResolvable,
  PermissionsBitField,
  SlashCommandSubcommandBuilder,
} from 'discord.js'
import { checkManager } from '../../src/discord/interaction/permission.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import { UserError } from '../../src/errors.ts'
import { sentence } from '../../src/sentence.ts'

/** Every command reads all of them. */
const mostBlocked = 1000

export const block = {
  data: new SlashCommandSubcommandBuilder()
    .setName('block')
    .setDescription('Keep a person from making and saving anything on this server')
    .addUserOption((option) => option.setName('person').setDescription('The person').setRequired(true)),

  async execute({ interaction, reply, say, store, scope, queue }) {
    checkManager(interaction)
    const { id } = interaction.options.getUser('person', true)
    if (managesHere(interaction.options.getMember('person'))) {
      throw new UserError('{person} manages this server, and can’t be blocked.', { person: `<@${id}>` })
    }
    await store.settings.change(scope, ({ blocked }) => {
      if (blocked.length >= mostBlocked)
        throw new UserError('{most} people are blocked, and no more can be.', { most: mostBlocked })
      return { blocked: [...blocked.filter((one) => one !== id), id] }
    })
    for (const { ticket } of await queue.positions(scope)) {
      if (ticket.person === id) await queue.cancel(ticket.id, sentence('Cancelled by those who manage this server.'))
    }
    await reply.whisper(
      say('{person} is blocked: what waited or ran for them is cancelled, and they can only have their data deleted.', {
        person: `<@${id}>`,
      }),
    )
  },
} satisfies Subcommand

export const unblock = {
  data: new SlashCommandSubcommandBuilder()
    .setName('unblock')
    .setDescription('Let a person who was blocked use me again')
    .addUserOption((option) => option.setName('person').setDescription('The person').setRequired(true)),

  async execute({ interaction, reply, say, store, scope }) {
    checkManager(interaction)
    const { id } = interaction.options.getUser('person', true)
    await store.settings.change(scope, ({ blocked }) => ({ blocked: blocked.filter((one) => one !== id) }))
    await reply.whisper(say('{person} is not blocked.', { person: `<@${id}>` }))
  },
} satisfies Subcommand

/** As discord.js knows a member, or as Discord sends one. */
type Member = NonNullable<ReturnType<ChatInputCommandInteraction['options']['getMember']>>

const managesHere = (member: Member | null): boolean =>
  member !== null &&
  new PermissionsBitField(member.permissions as PermissionResolvable).has(PermissionFlagsBits.ManageGuild)
