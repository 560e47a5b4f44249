import { randomInt } from 'node:crypto'
import type { ChatInputCommandInteraction, SlashCommandBuilder, SlashCommandOptionsOnlyBuilder } from 'discord.js'
import { UserError } from '../../errors.ts'
import type { JobOptions } from '../../jobs/protocol.ts'
import type { ServerSettings } from '../../store/settings.ts'
import type { Choice, Completion, Services } from './command.ts'
import { strengthLimit, strengthOf } from './strength.ts'

type Builder = SlashCommandBuilder | SlashCommandOptionsOnlyBuilder

/** `private` and `spoiler`: who sees what comes of it. */
export function addPrivacyOptions(builder: Builder): SlashCommandOptionsOnlyBuilder {
  return builder
    .addBooleanOption((option) => option.setName('private').setDescription('Only you see the answer'))
    .addBooleanOption((option) => option.setName('spoiler').setDescription('Cover the pictures'))
}

/** What `addPrivacyOptions` asked for. */
export const readPrivacy = ({ options }: ChatInputCommandInteraction) => ({
  isPrivate: options.getBoolean('private') ?? false,
  isSpoiler: options.getBoolean('spoiler') ?? false,
})

/** `strength`, `preserve`, `seed` and `variants`: how a difference is applied. */
export function addApplyOptions(builder: Builder): SlashCommandOptionsOnlyBuilder {
  return builder
    .addNumberOption((option) =>
      option
        .setName('strength')
        .setDescription('How strongly: 1 as in the example, 2 twice as much, 0 not at all, -1 the opposite')
        .setMinValue(-strengthLimit)
        .setMaxValue(strengthLimit),
    )
    .addNumberOption((option) =>
      option
        .setName('preserve')
        .setDescription('How much of the layout of B is kept: 0 nothing, 1 everything')
        .setMinValue(0)
        .setMaxValue(1),
    )
    .addIntegerOption((option) =>
      option
        .setName('seed')
        .setDescription('The same seed gives the same picture again')
        .setMinValue(0)
        .setMaxValue(2 ** 32 - 1),
    )
    .addIntegerOption((option) =>
      option
        .setName('variants')
        .setDescription('How many pictures to choose from, each with another seed')
        .setMinValue(1)
        .setMaxValue(4),
    )
}

/** How many B′ were asked for. */
export const readVariants = ({ options }: ChatInputCommandInteraction): number | undefined =>
  options.getInteger('variants') ?? undefined

/**
 * What the person chose, else the server's settings, else what suits the job. @throws UserError for an unknown model
 */
export function readJobOptions(
  interaction: ChatInputCommandInteraction,
  settings: ServerSettings,
  models: Services['models'],
): JobOptions {
  const { options } = interaction
  return {
    variants: readVariants(interaction),
    model: modelNamed(options.getString('model') ?? settings.model ?? models.usual, models),
    mode: 'fast',
    seed: options.getInteger('seed') ?? newSeed(),
    strength: strengthOf(options.getNumber('strength'), settings),
    preserve: options.getNumber('preserve') ?? undefined,
    prompt: options.getString('words') ?? undefined,
  }
}

export const newSeed = () => randomInt(2 ** 32)

/** @throws UserError if there is no such model */
export function modelNamed(name: string, { names }: Services['models']): string {
  if (names.includes(name)) return name
  throw new UserError('There is no model “{name}” here; there {count, plural, =1 {is} other {are}} {names}.', {
    name,
    count: names.length,
    names: names.join(', '),
  })
}

/** Choices for a `model` option. */
export function completeModel({ interaction, models }: Completion): readonly Choice[] {
  const typed = interaction.options.getFocused().toLowerCase()
  return models.names.filter((name) => name.toLowerCase().includes(typed)).map((name) => ({ name, value: name }))
}
