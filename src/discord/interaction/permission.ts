import { type BaseInteraction, PermissionFlagsBits } from 'discord.js'
import { UserError } from '../../errors.ts'
import type { SavedDifference } from '../../store/differences.ts'
import type { ServerSettings } from '../../store/settings.ts'
import { homeOf } from './home.ts'
import { serverOf } from './scope.ts'

/** May change the server's settings. Where it is a person's own scope, that person manages it. */
export const isManager = (interaction: BaseInteraction): boolean =>
  !serverOf(interaction) || interaction.memberPermissions?.has(PermissionFlagsBits.ManageGuild) === true

/** May cancel and delete what others started. */
export const isModerator = (interaction: BaseInteraction): boolean =>
  isManager(interaction) || interaction.memberPermissions?.has(PermissionFlagsBits.ManageMessages) === true

/** @throws UserError in direct messages, and if this person may not change the server's settings */
export function checkManager(interaction: BaseInteraction): void {
  if (!serverOf(interaction))
    throw new UserError('There are no settings in direct messages; please use this on a server.')
  if (!isManager(interaction)) throw new UserError('Only those who manage this server may see and change its settings.')
}

/** Those who manage the server have blocked this person. Nobody can block those who manage it. */
const isBlocked = (interaction: BaseInteraction, { blocked }: ServerSettings): boolean =>
  blocked.includes(interaction.user.id) && !isManager(interaction)

/** @throws UserError for a person who may not make or change anything here */
export function checkBlock(interaction: BaseInteraction, settings: ServerSettings): void {
  if (!isBlocked(interaction, settings)) return
  throw new UserError('On this server you may not use me; those who manage it can change that.')
}

/** How many jobs of this person may wait or run. Of several roles the most generous counts. */
export function personLimitOf(interaction: BaseInteraction, settings: ServerSettings): number {
  if (isBlocked(interaction, settings)) return 0
  const { personLimit, roleLimits } = settings
  const limits = rolesOf(interaction).flatMap((role) => roleLimits[role] ?? [])
  return limits.length > 0 ? Math.max(...limits) : personLimit
}

function rolesOf({ member }: BaseInteraction): readonly string[] {
  if (!member) return []
  // As Discord sends it where discord.js does not know the server.
  return Array.isArray(member.roles) ? member.roles : [...member.roles.cache.keys()]
}

/** @throws UserError if the server's settings don't allow posting here, or not for this person */
export function checkPlace(interaction: BaseInteraction, settings: ServerSettings): void {
  if (!serverOf(interaction)) return
  checkBlock(interaction, settings)
  const { channels } = settings
  const home = homeOf(interaction)
  if (channels.length > 0 && !channels.includes(home?.id ?? '')) {
    throw new UserError('On this server I make pictures only in {channels}; please ask there.', {
      channels: channels.map((id) => `<#${id}>`).join(', '),
    })
  }
  checkAge(interaction, settings)
}

/** @throws UserError if the server's settings don't allow pictures here, not even privately */
export function checkAge(interaction: BaseInteraction, { ageRestrictedOnly }: ServerSettings): void {
  if (!ageRestrictedOnly || !serverOf(interaction) || isAgeRestricted(interaction)) return
  throw new UserError('On this server I show pictures only in age-restricted channels; please ask in one of them.')
}

/** Whether the channel is age-restricted. Direct messages, and channels of which nothing is known, are not. */
export const isAgeRestricted = (interaction: BaseInteraction): boolean => homeOf(interaction)?.isAgeRestricted === true

/** By the setting of who may save. */
export const maySave = (interaction: BaseInteraction, { savers }: ServerSettings): boolean =>
  savers === 'everyone' || isManager(interaction)

/** @throws UserError if this person may not save, rename or delete differences here */
export function checkSaver(interaction: BaseInteraction, settings: ServerSettings): void {
  checkBlock(interaction, settings)
  if (!maySave(interaction, settings)) {
    throw new UserError('On this server only those who manage it may save and delete differences.')
  }
}

/** The person who saved it, and those who manage the server. */
export function mayChange(
  interaction: BaseInteraction,
  { savers }: ServerSettings,
  { person }: Pick<SavedDifference, 'person'>,
): boolean {
  return isManager(interaction) || (savers === 'everyone' && person === interaction.user.id)
}

/** @throws UserError if this person may not rename or delete this difference */
export function checkChanger(
  interaction: BaseInteraction,
  settings: ServerSettings,
  saved: Pick<SavedDifference, 'person'>,
): void {
  checkSaver(interaction, settings)
  if (mayChange(interaction, settings, saved)) return
  throw new UserError('Only the person who saved it, or those who manage this server, may rename or delete it.')
}
