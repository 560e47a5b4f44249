import type {
  ChatInputCommandInteraction,
  SlashCommandOptionsOnlyBuilder,
  SlashCommandStringOption,
  SlashCommandSubcommandBuilder,
} from 'discord.js'
import type { Call } from './command.ts'
import { ownScope } from './scope.ts'

const mine = 'mine'

/** `where`: in whose library something is saved. */
export const addWhereOption = <Builder extends SlashCommandOptionsOnlyBuilder | SlashCommandSubcommandBuilder>(
  builder: Builder,
): Builder => builder.addStringOption(whereOption) as Builder

const whereOption = (option: SlashCommandStringOption) =>
  option
    .setName('where')
    .setDescription('For this server, or for you alone, on every server')
    .addChoices({ name: 'This server', value: 'server' }, { name: 'Mine', value: mine })

/** The library that was asked for: the server's unless it is to be one's own. */
export const wantedLibrary = ({ interaction, scope, person }: Call<ChatInputCommandInteraction>): string =>
  interaction.options.getString('where') === mine ? ownScope(person) : scope
