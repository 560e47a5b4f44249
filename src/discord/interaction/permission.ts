import { type BaseInteraction, PermissionFlagsBits } from 'discord.js'
import { UserError } from '../../errors.ts'
import type { SavedDifference } from '../../store/differences.ts'
import type { ServerSettings } from '../../store/settings.ts'

/** Whose differences, settings and limits count: the server's id, or `@` and the person's id in direct messages. */
export const scopeOf = ({ guildId, user }: BaseInteraction): string => guildId ?? `@${user.id}`

/** May change the server's settings. In direct messages everybody manages what is their own. */
export const isManager = (interaction: BaseInteraction): boolean =>
  !interaction.guildId || interaction.memberPermissions?.has(PermissionFlagsBits.ManageGuild) === true

/** May cancel and delete what others asked for. */
export const isModerator = (interaction: BaseInteraction): boolean =>
  isManager(interaction) || interaction.memberPermissions?.has(PermissionFlagsBits.ManageMessages) === true

/** @throws UserError in direct messages, and when this person may not change the server's settings. */
export function checkManager(interaction: BaseInteraction): void {
  if (!interaction.guildId) throw new UserError('There is nothing to set in direct messages; please ask on a server.')
  if (!isManager(interaction)) throw new UserError('Only those who manage this server may see and change its settings.')
}

/** @throws UserError where the server's settings let nothing be posted. */
export function checkPlace(interaction: BaseInteraction, settings: ServerSettings): void {
  if (!interaction.guildId) return
  const { channels } = settings
  const home = homeOf(interaction)
  if (channels.length > 0 && !channels.includes(home?.id ?? interaction.channelId ?? '')) {
    const [first, ...rest] = channels.map((id) => `<#${id}>`)
    throw new UserError(`On this server I make pictures in ${[first, ...rest].join(', ')} only; please ask there.`)
  }
  checkAge(interaction, settings)
}

/** @throws UserError where the server's settings let no picture be seen, not even by one person alone. */
export function checkAge(interaction: BaseInteraction, { ageRestrictedOnly }: ServerSettings): void {
  if (!ageRestrictedOnly || !interaction.guildId || isAgeRestricted(interaction)) return
  throw new UserError('On this server I show pictures in age-restricted channels only; please ask in one of them.')
}

/** Only adults come here. Direct messages are for everyone, and so is a channel of which nothing is known. */
export function isAgeRestricted(interaction: BaseInteraction): boolean {
  const home = homeOf(interaction)
  return home !== null && 'nsfw' in home && home.nsfw
}

/** The channel, or that of the thread. */
const homeOf = ({ channel }: BaseInteraction) => (channel?.isThread() ? channel.parent : channel)

/** @throws UserError when this person may not save, rename or delete differences here. */
export function checkSaver(interaction: BaseInteraction, { savers }: ServerSettings): void {
  if (savers === 'managers' && !isManager(interaction)) {
    throw new UserError('On this server only those who manage it may save and delete differences.')
  }
}

/** Whoever saved it, or those who manage the server. */
export function mayChange(
  interaction: BaseInteraction,
  { savers }: ServerSettings,
  { person }: Pick<SavedDifference, 'person'>,
): boolean {
  return isManager(interaction) || (savers === 'everyone' && person === interaction.user.id)
}

/** @throws UserError when this person may not rename or delete this difference. */
export function checkChanger(
  interaction: BaseInteraction,
  settings: ServerSettings,
  saved: Pick<SavedDifference, 'person'>,
): void {
  checkSaver(interaction, settings)
  if (mayChange(interaction, settings, saved)) return
  throw new UserError('Only whoever saved it, or those who manage this server, may rename or delete it.')
}
