import type { SlashCommandStringOption } from 'discord.js'
import { longestName } from '../../src/discord/actions/saved.ts'

/** The name of a saved difference; completed by `completeSaved`. */
export const nameOption = (option: SlashCommandStringOption): SlashCommandStringOption =>
  option
    .setName('name')
    .setDescription('Which difference')
    .setAutocomplete(true)
    .setMaxLength(longestName)
    .setRequired(true)
