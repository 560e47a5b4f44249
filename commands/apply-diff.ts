import { SlashCommandBuilder } from 'discord.js'
import {
  applySaved,
  type Chosen,
  modelInUse,
  ofOtherModel,
  otherModelPost,
} from '../src/discord/actions/apply-saved.ts'
import { bold, checkNotComing, completeSaved, longestName, savedNamed } from '../src/discord/actions/saved.ts'
import { checkAttachment, isSpoiler } from '../src/discord/interaction/attachments.ts'
import type { ActionCall, Command } from '../src/discord/interaction/command.ts'
import { addApplyOptions, addPrivacyOptions, readPrivacy, readVariants } from '../src/discord/interaction/options.ts'
import { checkSaver } from '../src/discord/interaction/permission.ts'
import { everywhere } from '../src/discord/interaction/scope.ts'
import { sensitivityOf } from '../src/discord/message/sensitivity.ts'
import { UserError } from '../src/errors.ts'
import { sentence } from '../src/sentence.ts'

export const applyDiff = {
  data: addPrivacyOptions(
    addApplyOptions(
      new SlashCommandBuilder()
        .setName('apply-diff')
        .setDescription('Apply a saved difference to a picture')
        .setContexts(...everywhere.contexts)
        .setIntegrationTypes(...everywhere.integrationTypes)
        .addStringOption((option) =>
          option
            .setName('name')
            .setDescription('The saved difference')
            .setAutocomplete(true)
            .setMaxLength(longestName)
            .setRequired(true),
        )
        .addAttachmentOption((option) =>
          option.setName('image').setDescription('B: the picture to change').addFileTypes('image').setRequired(true),
        ),
    ).addStringOption((option) =>
      option
        .setName('and')
        .setDescription('A second one to add, as strong as it was saved or the server sets')
        .setAutocomplete(true)
        .setMaxLength(longestName),
    ),
  ).toJSON(),

  async execute(call) {
    const { interaction, reply, scope, store, models, fetchAttachment } = call
    const { options } = interaction
    const attachment = options.getAttachment('image', true)
    checkAttachment(sentence('The picture'), attachment)
    const second = options.getString('and')
    const chosen: Chosen = [
      await savedNamed(call, options.getString('name', true)),
      second === null ? undefined : await savedNamed(call, second),
    ]
    const settings = await store.settings.get(scope)
    const foreign = ofOtherModel(chosen, settings, models)
    if (foreign) return reply.whisper(otherModelPost(call, foreign, modelInUse(settings, models)))
    const privacy = readPrivacy(interaction)
    await reply.open(privacy)
    const image = await fetchAttachment(sentence('The picture'), attachment)
    const b = sensitivityOf(interaction, privacy.isSpoiler || isSpoiler(attachment))
    await applySaved(
      call,
      settings,
      chosen,
      { bytes: image, sensitivity: b },
      {
        strength: options.getNumber('strength') ?? undefined,
        preserve: options.getNumber('preserve') ?? undefined,
        seed: options.getInteger('seed') ?? undefined,
        variants: readVariants(interaction),
      },
    )
  },

  autocomplete: completeSaved,

  actions: { relearn },
} satisfies Command

/**
 * A difference that was learned on another model is learned again on this one, from the pictures that were kept with
 * it.
 */
async function relearn(call: ActionCall): Promise<void> {
  const { interaction, argument, reply, scope, store, models, place } = call
  const settings = await store.settings.get(scope)
  const { name, facts, pairs = [], sensitivity, library } = await savedNamed(call, argument)
  if (library === scope) checkSaver(interaction, settings)
  if (pairs.length === 0) {
    throw new UserError('The pictures of {name} are not kept; please learn it again with `/learn`.', {
      name: bold(name),
    })
  }
  await checkNotComing(call, library, name)
  const model = modelInUse(settings, models)
  await call.claim()
  await reply.open()
  await place(
    { kind: 'learn', pairs, options: { model, mode: facts.mode, seed: facts.seed } },
    { type: 'save', name, how: 'learned', replace: true, sensitivity, library },
  )
}
