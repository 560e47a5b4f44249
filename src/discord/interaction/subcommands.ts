import type { ChatInputCommandInteraction, SlashCommandBuilder, SlashCommandSubcommandBuilder } from 'discord.js'
import { UserError } from '../../errors.ts'
import type { Actions, Call, Command } from './command.ts'

export interface Subcommand {
  readonly data: SlashCommandSubcommandBuilder
  /** As for a command. */
  readonly execute: (call: Call<ChatInputCommandInteraction>) => Promise<void>
  readonly actions?: Actions
}

/** A command made of subcommands. */
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
      if (!subcommand) throw new UserError('That command no longer exists; it will disappear from the list soon.')
      await subcommand.execute(call)
    },
    actions: Object.assign({}, ...subcommands.map(({ actions }) => actions)) as Actions,
  }
}
