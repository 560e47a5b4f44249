import type {
  ButtonInteraction,
  ChannelSelectMenuInteraction,
  ChatInputCommandInteraction,
  MessageContextMenuCommandInteraction,
  ModalSubmitInteraction,
  StringSelectMenuInteraction,
} from 'discord.js'

/** Something on a message or a form was used. */
export type ActionInteraction =
  | ButtonInteraction
  | StringSelectMenuInteraction
  | ChannelSelectMenuInteraction
  | ModalSubmitInteraction

/** Whatever is answered with a message. */
export type AnyInteraction = ChatInputCommandInteraction | MessageContextMenuCommandInteraction | ActionInteraction
