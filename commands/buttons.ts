import { MessageFlags, type ModalSubmitInteraction } from 'discord.js'
import { cancelJob } from '../src/discord/actions/cancel-job.ts'
import { chooseVariant } from '../src/discord/actions/choose-variant.ts'
import { findResult } from '../src/discord/actions/find-result.ts'
import type { ResultAction } from '../src/discord/delivery/result-action.ts'
import { checkAttachment, fileName, isSpoiler } from '../src/discord/interaction/attachments.ts'
import type { ActionCall, Actions } from '../src/discord/interaction/command.ts'
import { form, lineField, picturesField, uploadsOf } from '../src/discord/interaction/form.ts'
import { newSeed } from '../src/discord/interaction/options.ts'
import { isModerator } from '../src/discord/interaction/permission.ts'
import { serverOf } from '../src/discord/interaction/scope.ts'
import { strengthLimit, strengthUsed } from '../src/discord/interaction/strength.ts'
import { round } from '../src/discord/message/result.ts'
import { sensitivityOf } from '../src/discord/message/sensitivity.ts'
import { shorten } from '../src/discord/message/shorten.ts'
import { UserError } from '../src/errors.ts'
import type { ApplyJob, Job, JobOptions } from '../src/jobs/protocol.ts'
import { sentence } from '../src/sentence.ts'
import type { ResultRecord } from '../src/store/results.ts'
import type { Sensitivity } from '../src/store/sensitivity.ts'

/** The buttons under a result and under a running job. They name the result, which the store keeps. */
export const buttons: Actions = {
  again: (call) => repeat(call, () => ({ seed: newSeed() })),
  stronger: (call) => repeat(call, ({ strength }) => changed(strength, within(strength * 1.5))),
  weaker: (call) => repeat(call, ({ strength }) => changed(strength, within(strength / 1.5))),
  reverse: (call) => repeat(call, ({ strength }) => changed(strength, -strength)),

  adjust,
  use: chooseVariant,

  /** What was done exactly, or a part of it, learned and applied by the model. */
  async learned(call) {
    const { pairs, image, fileNames, isPrivate, sensitivity, options, broughtBy = '' } = await findResult(call)
    if (pairs.length === 0) throw new UserError('Its pictures are not kept; please start with `/analogy`.')
    await call.claim()
    await call.reply.open({ isPrivate })
    await call.place(
      { kind: 'analogy', pairs, b: image, options: { ...options, strength: undefined, isLearned: true } },
      { type: 'show', pairs, names: [], fileNames, sensitivity, broughtBy },
    )
  },

  async another(call) {
    const { interaction, say, argument } = call
    if (interaction.isModalSubmit()) return applyToAnother(call, interaction)
    const record = await findResult(call)
    const names = namesOf(record.differences)
    const description = names.length > 0 ? shorten(say('With {names}', { names }), 100) : say('As A is to become A′')
    const field = picturesField({ id: 'image', label: say('The picture to change'), description, most: 1 })
    await interaction.showModal(form(`another:${argument}`, say('Another picture'), [field]))
  },

  async delete(call) {
    const { interaction, person, store, argument } = call
    const record = await findResult(call)
    if (record.person !== person && !isModerator(interaction)) {
      throw new UserError('Only the person who asked for it, or a moderator, can delete this.')
    }
    if (!interaction.isButton()) return
    await interaction.deferUpdate()
    await interaction.deleteReply()
    await store.results.remove(argument)
  },

  /** A job that was let go, with the inputs that were kept. */
  async retry(call) {
    const { store, scope, person, interaction, argument } = call
    const retry = await store.retries.get(argument)
    const isHere = retry && (retry.scope === scope || !serverOf(interaction))
    if (!retry || !isHere) throw new UserError('What was asked for is no longer kept; please send it again.')
    if (retry.person !== person) throw new UserError('Only the person who asked for it can try it again.')
    await call.claim()
    await call.reply.open({ isPrivate: interaction.message?.flags.has(MessageFlags.Ephemeral) })
    await call.place(retry.job as Job, retry.action as ResultAction)
    await store.retries.remove(argument)
  },

  async cancel(call) {
    if (!(await cancelJob(call, call.argument))) return call.reply.whisper(call.say('That job has already ended.'))
    if (call.interaction.isButton()) await call.interaction.deferUpdate()
  },
}

/** @throws UserError where nothing would change, and the same picture would come again */
function changed(from: number, to: number): Partial<JobOptions> {
  if (to !== from && from !== 0) return { strength: to, variants: undefined }
  if (from === 0) {
    throw new UserError('The strength is 0, which leaves B as it is; ask again with another `strength`.')
  }
  throw new UserError('The strength is {strength} already, and that is the limit.', { strength: round(from) })
}

const within = (strength: number) => Math.max(-strengthLimit, Math.min(strengthLimit, strength))

/** The same again except for `change`, on behalf of the person who pressed the button. */
async function repeat(
  call: ActionCall,
  change: (options: JobOptions & { readonly strength: number }) => Partial<JobOptions>,
): Promise<void> {
  const record = await findResult(call)
  const { options, image, fileNames, isPrivate, sensitivity } = record
  const wanted = { ...options, ...change({ ...options, strength: strengthUsed(record) }) }
  await call.claim()
  await call.reply.open({ isPrivate })
  await apply(call, record, { image, options: wanted, fileNames, b: sensitivity?.b })
}

async function applyToAnother(call: ActionCall, interaction: ModalSubmitInteraction): Promise<void> {
  const record = await findResult(call)
  const [attachment] = uploadsOf(interaction, 'image')
  if (!attachment) throw new UserError('There was no picture in the form; please choose one.')
  checkAttachment(sentence('The picture'), attachment)
  await call.reply.open({ isPrivate: record.isPrivate })
  const image = await call.fetchAttachment(sentence('The picture'), attachment)
  const fileNames = { ...record.fileNames, b: fileName('b', attachment) }
  const options = { ...record.options, prompt: undefined, seed: newSeed(), variants: undefined }
  const b = sensitivityOf(interaction, isSpoiler(attachment))
  await apply(call, record, { image, options, fileNames, b })
}

/** A form for strength and `preserve`, which is of no use to what is done exactly. */
async function adjust(call: ActionCall): Promise<void> {
  const { interaction, say, argument } = call
  const record = await findResult(call)
  const { facts, options } = record
  const now = { strength: strengthUsed(record), preserve: options.preserve ?? facts.preserve ?? 1 }
  const isExact = facts.exact !== undefined && !options.isLearned
  if (interaction.isModalSubmit()) {
    const strength = numberIn(interaction, 'strength', { least: -strengthLimit, most: strengthLimit })
    const preserve = isExact ? options.preserve : numberIn(interaction, 'preserve', { least: 0, most: 1 })
    if (strength === round(now.strength) && (isExact || preserve === round(now.preserve))) {
      throw new UserError('Nothing was changed, and the same picture would come again.')
    }
    return repeat(call, () => ({ strength, preserve, variants: undefined }))
  }
  const strength = lineField({
    id: 'strength',
    label: say('Strength'),
    description: say('-3 to 3: 1 as in the example, 0 not at all, -1 the opposite'),
    longest: 8,
    value: String(round(now.strength)),
  })
  const preserve = lineField({
    id: 'preserve',
    label: say('Preserve'),
    description: say('0 to 1: how much of the layout of B is kept'),
    longest: 8,
    value: String(round(now.preserve)),
  })
  const fields = isExact ? [strength] : [strength, preserve]
  await interaction.showModal(form(`adjust:${argument}`, say('Adjust'), fields))
}

/** A number that a person wrote, with a point or a comma. @throws UserError */
function numberIn(
  { fields }: ModalSubmitInteraction,
  id: 'strength' | 'preserve',
  { least, most }: { readonly least: number; readonly most: number },
): number {
  const text = fields.getTextInputValue(id).trim().replace(',', '.').replace('−', '-')
  const value = text === '' ? Number.NaN : Number(text)
  if (value >= least && value <= most) return value
  throw new UserError('`{option}` has to be a number from {least} to {most}.', { option: id, least, most })
}

interface Change extends Pick<ApplyJob, 'image' | 'options'>, Pick<ResultRecord, 'fileNames'> {
  /** Of the picture. */
  readonly b?: Sensitivity
}

function apply(
  call: ActionCall,
  { differences, pairs, facts, pictures, broughtBy = '', sensitivity }: ResultRecord,
  { image, options, fileNames, b }: Change,
): Promise<void> {
  // A second difference keeps its own strength: the buttons change the first one.
  const turned = differences.map((one, index) =>
    index === 0 ? { ...one, strength: options.strength ?? one.strength } : one,
  )
  return call.place(
    { kind: 'apply', differences: turned, image, options },
    {
      type: 'show',
      pairs,
      names: namesOf(differences),
      fileNames,
      learned: { facts, pictures },
      broughtBy,
      sensitivity: { example: sensitivity?.example, b },
    },
  )
}

const namesOf = (differences: ResultRecord['differences']) => differences.flatMap(({ name }) => name ?? [])
