import { ApplicationIntegrationType, type BaseInteraction, InteractionContextType } from 'discord.js'

/**
 * Whether the person brought the bot along: it is in this person's account, and not on the server or in the group where
 * it is used. There it can answer, as long as the interaction's token lives, and do nothing else.
 */
export function isApart({ context, authorizingIntegrationOwners: owners }: BaseInteraction): boolean {
  if (context === InteractionContextType.BotDM) return false
  const isOfServer = owners[ApplicationIntegrationType.GuildInstall] !== undefined
  return !isOfServer && owners[ApplicationIntegrationType.UserInstall] !== undefined
}

/** The server that the bot is on and the interaction comes from. */
export const serverOf = (interaction: BaseInteraction): string | undefined =>
  isApart(interaction) ? undefined : (interaction.guildId ?? undefined)

/** A person's own scope: direct messages, and wherever the person brought the bot along. */
export const ownScope = (person: string): string => `@${person}`

/** The server's id, or the person's own scope. It decides whose differences, settings and limits apply. */
export const scopeOf = (interaction: BaseInteraction): string => serverOf(interaction) ?? ownScope(interaction.user.id)

/** Whether nobody else sees what is answered: in direct messages with the bot. */
export const isAlone = ({ context, guildId }: BaseInteraction): boolean =>
  context === null ? guildId === null : context === InteractionContextType.BotDM

/** For commands that work wherever people are: on servers, in direct messages and groups, with or without the bot. */
export const everywhere = {
  contexts: [InteractionContextType.Guild, InteractionContextType.BotDM, InteractionContextType.PrivateChannel],
  integrationTypes: [ApplicationIntegrationType.GuildInstall, ApplicationIntegrationType.UserInstall],
} as const
