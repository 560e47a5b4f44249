import { type Attachment, type ChatInputCommandInteraction, SlashCommandBuilder } from 'discord.js'
import { checkAttachment, fileName, isSpoiler } from '../src/discord/interaction/attachments.ts'
import type { Command } from '../src/discord/interaction/command.ts'
import {
  addApplyOptions,
  addPrivacyOptions,
  completeModel,
  readJobOptions,
  readPrivacy,
} from '../src/discord/interaction/options.ts'
import { everywhere } from '../src/discord/interaction/scope.ts'
import { sensitivityOf, together } from '../src/discord/message/sensitivity.ts'
import { UserError } from '../src/errors.ts'
import { template } from '../src/sentence.ts'
import { buttons } from './buttons.ts'

export const analogy = {
  data: addPrivacyOptions(
    addApplyOptions(
      new SlashCommandBuilder()
        .setName('analogy')
        .setDescription('Learn what changes from A to A′ and do the same to B')
        .setContexts(...everywhere.contexts)
        .setIntegrationTypes(...everywhere.integrationTypes)
        .addAttachmentOption((option) =>
          option.setName('a').setDescription('A: the example before').addFileTypes('image').setRequired(true),
        )
        .addAttachmentOption((option) =>
          option.setName('a2').setDescription('A′: the example after').addFileTypes('image').setRequired(true),
        )
        .addAttachmentOption((option) =>
          option.setName('b').setDescription('B: the picture to change').addFileTypes('image').setRequired(true),
        ),
    )
      .addStringOption((option) =>
        option.setName('words').setDescription('What B shows, in your words').setMaxLength(300),
      )
      .addStringOption((option) =>
        option.setName('model').setDescription('The model to use').setAutocomplete(true).setMaxLength(100),
      ),
  ).toJSON(),

  async execute({ interaction, reply, scope, store, models, fetchAttachment, place }) {
    const inputs = readInputs(interaction)
    const options = readJobOptions(interaction, await store.settings.get(scope), models)
    const privacy = readPrivacy(interaction)
    await reply.open(privacy)
    const [a, a2, b] = await Promise.all(inputs.map(({ label, attachment }) => fetchAttachment(label, attachment)))
    if (!a || !a2 || !b) throw new Error('Expected three pictures.')
    if (Buffer.compare(a, a2) === 0) throw new UserError(nothingToLearn)
    const fileNames = Object.fromEntries(inputs.map(({ stem, attachment }) => [stem, fileName(stem, attachment)]))
    const pairs = [{ a, a2 }]
    const sensitivity = sensitivitiesOf(interaction, inputs, privacy.isSpoiler)
    await place({ kind: 'analogy', pairs, b, options }, { type: 'show', pairs, names: [], fileNames, sensitivity })
  },

  autocomplete: async (completion) => completeModel(completion),

  actions: buttons,
} satisfies Command

const nothingToLearn = template('A and A′ are the same picture, so there is no difference to learn.')

interface Input {
  readonly stem: string
  readonly label: string
  readonly attachment: Attachment
}

function sensitivitiesOf(interaction: ChatInputCommandInteraction, inputs: readonly Input[], isAsked: boolean) {
  const [a, a2, b] = inputs.map(({ attachment }) => sensitivityOf(interaction, isAsked || isSpoiler(attachment)))
  return { example: together([a, a2]), b }
}

/** The three attachments after every check that needs no download. @throws UserError */
function readInputs({ options }: ChatInputCommandInteraction): readonly Input[] {
  const inputs = [
    { stem: 'a', label: 'A' },
    { stem: 'a2', label: 'A′' },
    { stem: 'b', label: 'B' },
  ].map((input) => ({ ...input, attachment: options.getAttachment(input.stem, true) }))
  for (const { label, attachment } of inputs) checkAttachment(label, attachment)
  if (inputs[0]!.attachment.url === inputs[1]!.attachment.url) throw new UserError(nothingToLearn)
  return inputs
}
