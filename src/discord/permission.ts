import { type BaseInteraction, PermissionFlagsBits } from 'discord.js'
import { UserError } from '../errors.ts'
import type { ServerSettings } from '../store/settings.ts'

/** Whose differences, settings and limits count: the server's id, or `@` and the person's id in direct messages. */
export const scopeOf = ({ guildId, user }: BaseInteraction): string => guildId ?? `@${user.id}`

/** May change the server's settings. In direct messages everybody manages what is their own. */
export const isManager = (interaction: BaseInteraction): boolean =>
  !interaction.guildId || interaction.memberPermissions?.has(PermissionFlagsBits.ManageGuild) === true

/** May cancel and delete what others asked for. */
export const isModerator = (interaction: BaseInteraction): boolean =>
  isManager(interaction) || interaction.memberPermissions?.has(PermissionFlagsBits.ManageMessages) === true

/** @throws UserError where the server's settings let nothing be posted. */
export function checkPlace(interaction: BaseInteraction, settings: ServerSettings): void {
  if (!interaction.guildId) return
  const { channel } = interaction
  const home = channel?.isThread() ? channel.parent : channel
  const { channels, ageRestrictedOnly } = settings
  if (channels.length > 0 && !channels.includes(home?.id ?? interaction.channelId ?? '')) {
    const [first, ...rest] = channels.map((id) => `<#${id}>`)
    throw new UserError(`On this server I make pictures in ${[first, ...rest].join(', ')} only; please ask there.`)
  }
  const isAgeRestricted = home !== null && 'nsfw' in home && home.nsfw
  if (ageRestrictedOnly && !isAgeRestricted) {
    throw new UserError('On this server I make pictures in age-restricted channels only; please ask in one of them.')
  }
}

/** @throws UserError when this person may not save, rename or delete differences here. */
export function checkSaver(interaction: BaseInteraction, { savers }: ServerSettings): void {
  if (savers === 'managers' && !isManager(interaction)) {
    throw new UserError('On this server only those who manage it may save and delete differences.')
  }
}
