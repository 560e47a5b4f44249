import { type Attachment, type ModalSubmitInteraction, SlashCommandBuilder } from 'discord.js'
import { modelInUse } from '../src/discord/actions/apply-saved.ts'
import { checkNewName, longestName } from '../src/discord/actions/saved.ts'
import { checkAttachment, isSpoiler } from '../src/discord/interaction/attachments.ts'
import type { ActionCall, Command } from '../src/discord/interaction/command.ts'
import { form, picturesField, uploadsOf } from '../src/discord/interaction/form.ts'
import { addPrivacyOptions, newSeed, readPrivacy } from '../src/discord/interaction/options.ts'
import { checkPlace } from '../src/discord/interaction/permission.ts'
import { everywhere, ownScope } from '../src/discord/interaction/scope.ts'
import { strengthOf } from '../src/discord/interaction/strength.ts'
import { addWhereOption, wantedLibrary } from '../src/discord/interaction/where.ts'
import { sensitivityOf } from '../src/discord/message/sensitivity.ts'
import { UserError } from '../src/errors.ts'
import type { ImagePair, JobOptions } from '../src/jobs/protocol.ts'
import { type Sentence, sentence } from '../src/sentence.ts'
import { checkName } from '../src/store/names.ts'

export const learn = {
  data: addWhereOption(
    addPrivacyOptions(
      new SlashCommandBuilder()
        .setName('learn')
        .setDescription('Learn one difference from up to five pairs of pictures and save it')
        .setContexts(...everywhere.contexts)
        .setIntegrationTypes(...everywhere.integrationTypes)
        .addStringOption((option) =>
          option
            .setName('name')
            .setDescription('A name for the difference, such as “to winter”')
            .setMaxLength(longestName)
            .setRequired(true),
        ),
    ),
  ).toJSON(),

  async execute(call) {
    const { interaction, say } = call
    const name = checkName(interaction.options.getString('name', true))
    const library = wantedLibrary(call)
    checkPlace(interaction, await checkNewName(call, name, library))
    const flags = flagsOf({ ...readPrivacy(interaction), isOwn: library !== call.scope })
    await interaction.showModal(
      form(`learn:${flags}${name}`, say('What changes?'), [
        picturesField({
          id: 'before',
          label: say('Before'),
          most: mostPairs,
          description: say('One to {most} pictures', { most: mostPairs }),
        }),
        picturesField({
          id: 'after',
          label: say('After'),
          most: mostPairs,
          description: say('The same pictures, changed, in the same order'),
        }),
      ]),
    )
  },

  actions: {
    async learn(call) {
      const { interaction, argument, reply, models, place } = call
      if (!interaction.isModalSubmit()) throw new UserError('Please start with `/learn`.')
      const { isPrivate, isSpoiler: isAsked, isOwn, name: given } = readArgument(argument)
      const library = isOwn ? ownScope(call.person) : call.scope
      const name = checkName(given)
      const uploads = readUploads(interaction)
      const settings = await checkNewName(call, name, library)
      const options: JobOptions = {
        model: modelInUse(settings, models),
        mode: 'fast',
        seed: newSeed(),
        strength: strengthOf(undefined, settings),
      }
      await reply.open({ isPrivate })
      const pairs = await fetchPairs(call, uploads)
      const isCovered = isAsked || uploads.flat().some(({ attachment }) => isSpoiler(attachment))
      const sensitivity = sensitivityOf(interaction, isCovered)
      await place(
        { kind: 'learn', pairs, options },
        { type: 'save', name, how: 'learned', replace: false, sensitivity, library },
      )
    },
  },
} satisfies Command

/** What was asked for travels with the form: `ps:name`; no name has a colon. */
function flagsOf({ isPrivate, isSpoiler, isOwn }: ReturnType<typeof readPrivacy> & { readonly isOwn: boolean }) {
  const flags = `${isPrivate ? 'p' : ''}${isSpoiler ? 's' : ''}${isOwn ? 'm' : ''}`
  return flags && `${flags}:`
}

function readArgument(argument: string) {
  const [name = '', flags = ''] = argument.split(':').reverse()
  return { isPrivate: flags.includes('p'), isSpoiler: flags.includes('s'), isOwn: flags.includes('m'), name }
}

const mostPairs = 5
/** For all pictures together: a server may keep a hundred such differences with their pictures. */
const mostBytes = 25_000_000

interface Upload {
  /** How messages to the person name it. */
  readonly label: Sentence
  /** The same within a sentence. */
  readonly lowerLabel: Sentence
  readonly attachment: Attachment
}

type UploadPair = readonly [before: Upload, after: Upload]

/** The pairs, after every check that needs no download. @throws UserError */
function readUploads(interaction: ModalSubmitInteraction): readonly UploadPair[] {
  const [before, after] = [uploadsOf(interaction, 'before'), uploadsOf(interaction, 'after')]
  if (before.length !== after.length) {
    throw new UserError(
      'There {before, plural, =1 {is one picture} other {are # pictures}} before and {after} after; please send as many of each, in the same order.',
      { before: before.length, after: after.length },
    )
  }
  if (before.length === 0) throw new UserError('The form had no pictures; please choose some.')
  if (before.length > mostPairs) throw new UserError('Please send at most {most} pairs.', { most: mostPairs })
  const uploads = before.map((attachment, index): UploadPair => {
    const number = before.length === 1 ? undefined : index + 1
    const pair = [
      { ...labelsOf('before', number), attachment },
      { ...labelsOf('after', number), attachment: after[index]! },
    ] as const
    for (const one of pair) checkAttachment(one.label, one.attachment)
    return pair
  })
  const bytes = [...before, ...after].reduce((sum, { size }) => sum + size, 0)
  if (bytes > mostBytes) {
    throw new UserError('The pictures are too large together; please send at most {limit} MB.', {
      limit: mostBytes / 1e6,
    })
  }
  return uploads
}

/** @throws UserError if a picture occurs twice */
async function fetchPairs(
  { fetchAttachment }: Pick<ActionCall, 'fetchAttachment'>,
  uploads: readonly UploadPair[],
): Promise<readonly ImagePair[]> {
  const all = uploads.flat()
  const bytes = await Promise.all(all.map(({ label, attachment }) => fetchAttachment(label, attachment)))
  for (const [index, one] of bytes.entries()) {
    const earlier = bytes.findIndex((other) => Buffer.compare(one, other) === 0)
    if (earlier === index) continue
    const isPair = index === earlier + 1 && index % 2 === 1
    throw new UserError(
      isPair
        ? '{first} and {second} are the same, so there is no difference to learn.'
        : '{first} and {second} are the same, so please send each only once.',
      { first: all[earlier]!.label, second: all[index]!.lowerLabel },
    )
  }
  return uploads.map((_, index) => ({ a: bytes[2 * index]!, a2: bytes[2 * index + 1]! }))
}

/** @param number Of the pair, where there are several. */
function labelsOf(when: 'before' | 'after', number?: number): Pick<Upload, 'label' | 'lowerLabel'> {
  if (number === undefined) {
    return when === 'before'
      ? { label: sentence('Picture before'), lowerLabel: sentence('picture before') }
      : { label: sentence('Picture after'), lowerLabel: sentence('picture after') }
  }
  return when === 'before'
    ? {
        label: sentence('Picture {number} before', { number }),
        lowerLabel: sentence('picture {number} before', { number }),
      }
    : {
        label: sentence('Picture {number} after', { number }),
        lowerLabel: sentence('picture {number} after', { number }),
      }
}
