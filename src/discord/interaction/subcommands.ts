import type { ChatInputCommandInteraction, SlashCommandBuilder, SlashCommandSubcommandBuilder } from 'discord.js'
import { UserError } from '../../errors.ts'
import type { Actions, Call, Command } from './command.ts'

export interface Subcommand {
  readonly data: SlashCommandSubcommandBuilder
  /** As a command's. */
  readonly execute: (call: Call<ChatInputCommandInteraction>) => Promise<void>
  readonly actions?: Actions
}

/** A command out of subcommands. */
export function withSubcommands(
  builder: SlashCommandBuilder,
  subcommands: readonly Subcommand[],
): Pick<Command, 'data' | 'execute'> & { readonly actions: Actions } {
  for (const { data } of subcommands) builder.addSubcommand(data)
  const byName = new Map(subcommands.map((one) => [one.data.name, one]))
  return {
    data: builder.toJSON(),
    execute: async (call) => {
      const subcommand = byName.get(call.interaction.options.getSubcommand())
      if (!subcommand) throw new UserError('I no longer know that command; it will vanish from the list in a while.')
      await subcommand.execute(call)
    },
    actions: Object.assign({}, ...subcommands.map(({ actions }) => actions)) as Actions,
  }
}
