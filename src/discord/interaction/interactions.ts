import type {
  ButtonInteraction,
  ChannelSelectMenuInteraction,
  ChatInputCommandInteraction,
  MessageContextMenuCommandInteraction,
  ModalSubmitInteraction,
  StringSelectMenuInteraction,
} from 'discord.js'

/** A component of a message, or a form, was used. */
export type ActionInteraction =
  | ButtonInteraction
  | StringSelectMenuInteraction
  | ChannelSelectMenuInteraction
  | ModalSubmitInteraction

/** An interaction that is answered with a message. */
export type AnyInteraction = ChatInputCommandInteraction | MessageContextMenuCommandInteraction | ActionInteraction
