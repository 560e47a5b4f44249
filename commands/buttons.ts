import type { ModalSubmitInteraction } from 'discord.js'
import { cancelJob } from '../src/discord/actions/cancel-job.ts'
import { findResult } from '../src/discord/actions/find-result.ts'
import { checkAttachment, fileName } from '../src/discord/interaction/attachments.ts'
import type { ActionCall, Actions } from '../src/discord/interaction/command.ts'
import { form, picturesField, uploadsOf } from '../src/discord/interaction/form.ts'
import { newSeed, strengthLimit } from '../src/discord/interaction/options.ts'
import { isModerator } from '../src/discord/interaction/permission.ts'
import { UserError } from '../src/errors.ts'
import type { ApplyJob, JobOptions } from '../src/jobs/protocol.ts'
import type { ResultRecord } from '../src/store/results.ts'

/** The buttons under a result and under a running job. They name the result, which the store keeps. */
export const buttons: Actions = {
  again: (call) => repeat(call, () => ({ seed: newSeed() })),
  stronger: (call) => repeat(call, ({ strength }) => ({ strength: within(strength * 1.5) })),
  weaker: (call) => repeat(call, ({ strength }) => ({ strength: within(strength / 1.5) })),
  reverse: (call) => repeat(call, ({ strength }) => ({ strength: -strength })),

  async another(call) {
    const { interaction, argument } = call
    if (interaction.isModalSubmit()) return applyToAnother(call, interaction)
    const record = await findResult(call)
    const names = namesOf(record.differences)
    const description = names.length > 0 ? cut(`With ${names.join(' and ')}`, 100) : 'As A is to become A′'
    const field = picturesField({ id: 'image', label: 'The picture to change', description, most: 1 })
    await interaction.showModal(form(`another:${argument}`, 'Another picture', [field]))
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

  async cancel(call) {
    if (!(await cancelJob(call, call.argument))) return call.reply.whisper('That job has already ended.')
    if (call.interaction.isButton()) await call.interaction.deferUpdate()
  },
}

const within = (strength: number) => Math.max(-strengthLimit, Math.min(strengthLimit, strength))

/** The same again except for `change`, on behalf of the person who pressed the button. */
async function repeat(
  call: ActionCall,
  change: (options: JobOptions & { readonly strength: number }) => Partial<JobOptions>,
): Promise<void> {
  const record = await findResult(call)
  await call.reply.open()
  const strength = record.options.strength ?? record.differences[0]?.strength ?? 1
  const options = { ...record.options, ...change({ ...record.options, strength }) }
  await apply(call, record, { image: record.image, options, fileNames: record.fileNames })
}

async function applyToAnother(call: ActionCall, interaction: ModalSubmitInteraction): Promise<void> {
  const record = await findResult(call)
  const [attachment] = uploadsOf(interaction, 'image')
  if (!attachment) throw new UserError('There was no picture in the form; please choose one.')
  checkAttachment('The picture', attachment)
  await call.reply.open()
  const image = await call.fetchAttachment('The picture', attachment)
  const fileNames = { ...record.fileNames, b: fileName('b', attachment) }
  await apply(call, record, { image, options: { ...record.options, prompt: undefined, seed: newSeed() }, fileNames })
}

function apply(
  call: ActionCall,
  { differences, pairs, facts, pictures }: ResultRecord,
  { image, options, fileNames }: Pick<ApplyJob, 'image' | 'options'> & Pick<ResultRecord, 'fileNames'>,
): Promise<void> {
  // A second difference keeps its own strength: the buttons change the first one.
  const turned = differences.map((one, index) =>
    index === 0 ? { ...one, strength: options.strength ?? one.strength } : one,
  )
  return call.place(
    { kind: 'apply', differences: turned, image, options },
    { type: 'show', pairs, names: namesOf(differences), fileNames, learned: { facts, pictures } },
  )
}

const namesOf = (differences: ResultRecord['differences']) => differences.flatMap(({ name }) => name ?? [])

const cut = (text: string, length: number) => (text.length <= length ? text : `${text.slice(0, length - 1)}…`)
