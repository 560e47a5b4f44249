import { randomInt } from 'node:crypto'
import {
  ApplicationIntegrationType,
  type Attachment,
  type ChatInputCommandInteraction,
  escapeMarkdown,
  InteractionContextType,
  SlashCommandBuilder,
} from 'discord.js'
import { checkAttachment, fileName } from '../src/discord/attachments.ts'
import type { Command } from '../src/discord/dispatch.ts'
import { galleryPost, type Picture, type Post } from '../src/discord/post.ts'
import { UserError } from '../src/errors.ts'
import type { AnalogyJob, JobResult } from '../src/jobs/protocol.ts'

export const analogy = {
  data: new SlashCommandBuilder()
    .setName('analogy')
    .setDescription('Learn what changes from A to A′, and do the same to B')
    .setContexts(InteractionContextType.Guild, InteractionContextType.BotDM)
    .setIntegrationTypes(ApplicationIntegrationType.GuildInstall)
    .addAttachmentOption((option) =>
      option.setName('a').setDescription('A: the example, before').addFileTypes('image').setRequired(true),
    )
    .addAttachmentOption((option) =>
      option.setName('a2').setDescription('A′: the example, after').addFileTypes('image').setRequired(true),
    )
    .addAttachmentOption((option) =>
      option.setName('b').setDescription('B: the picture to change').addFileTypes('image').setRequired(true),
    )
    .addNumberOption((option) =>
      option
        .setName('strength')
        .setDescription('How strongly: 1 as in the example, 2 twice, 0 not at all, -1 the opposite')
        .setMinValue(-3)
        .setMaxValue(3),
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
    .addStringOption((option) =>
      option.setName('words').setDescription('What B shows, in your words').setMaxLength(300),
    )
    .toJSON(),

  async execute({ interaction, reply, queue, fetchAttachment, model }) {
    const inputs = readInputs(interaction)
    const { options } = interaction
    await reply.open()
    const [a, a2, b] = await Promise.all(inputs.map(({ label, attachment }) => fetchAttachment(label, attachment)))
    if (!a || !a2 || !b) throw new Error('Expected three pictures.')
    if (Buffer.compare(a, a2) === 0) throw new UserError(nothingToLearn)

    const job: AnalogyJob = {
      kind: 'analogy',
      pairs: [{ a, a2 }],
      b,
      options: {
        model,
        mode: 'fast',
        seed: options.getInteger('seed') ?? randomInt(2 ** 32),
        strength: options.getNumber('strength') ?? undefined,
        preserve: options.getNumber('preserve') ?? undefined,
        prompt: options.getString('words') ?? undefined,
      },
    }
    const result = await queue.add(job, reply)
    const names = inputs.map(({ stem, attachment }) => fileName(stem, attachment))
    await reply.finish(...posts(job, names, result, interaction.attachmentSizeLimit))
  },
} satisfies Command

const nothingToLearn = 'A and A′ are the same picture, so there is no difference to learn.'

interface Input {
  readonly stem: string
  readonly label: string
  readonly attachment: Attachment
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

/** All four pictures, and B′ alone for when they are too large to be posted again together. */
function posts(job: AnalogyJob, names: readonly string[], result: JobResult, fileLimitBytes: number): [Post, Post] {
  const { image, report, notices } = result
  if (!image) throw new Error('Expected an analogy to end with a picture.')
  const { a = 'the example before', a2 = 'the example after', b = 'the picture to change' } = report.caption ?? {}
  const { prompt } = job.options
  const [pair] = job.pairs
  const inputs: Picture[] = [
    { name: names[0]!, bytes: pair!.a, alt: `A: ${a}` },
    { name: names[1]!, bytes: pair!.a2, alt: `A′: ${a2}` },
    { name: names[2]!, bytes: job.b, alt: `B: ${prompt ?? b}` },
  ]
  const output: Picture = { name: 'b2.png', bytes: image, alt: `B′: ${prompt ?? b}, changed as A is to become A′` }
  const words = prompt && `words: ${escapeMarkdown(prompt)}`
  const text = ['**A** is to **A′** as **B** is to **B′**', ...notices, `-# ${facts(result, words)}`]
  const alone = galleryPost([...text, '-# A, A′ and B are too large to be posted again.'].join('\n'), [output])
  const isTooLarge = inputs.some(({ bytes }) => bytes.length > fileLimitBytes)
  return [isTooLarge ? alone : galleryPost(text.join('\n'), [...inputs, output]), alone]
}

function facts({ report }: JobResult, words?: string): string {
  const { seed, strength, preserve, fit, seconds } = report
  return [
    `seed ${seed}`,
    strength !== undefined && `strength ${round(strength)}`,
    preserve !== undefined && `preserve ${round(preserve)}`,
    fit !== undefined && `fit ${Math.round(fit * 100)} %`,
    seconds.total !== undefined && `${round(seconds.total)} s`,
    words,
  ]
    .filter(Boolean)
    .join(' · ')
}

const round = (value: number) => Math.round(value * 100) / 100
