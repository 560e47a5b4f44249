import { SlashCommandBuilder } from 'discord.js'
import { findResult, isResultGone } from '../src/discord/actions/find-result.ts'
import { withoutPictures } from '../src/discord/actions/libraries.ts'
import { bold, checkNewName, longestName } from '../src/discord/actions/saved.ts'
import type { Call, Command } from '../src/discord/interaction/command.ts'
import { choiceField, form, lineField } from '../src/discord/interaction/form.ts'
import { checkAge, checkBlock, isAgeRestricted, maySave } from '../src/discord/interaction/permission.ts'
import { everywhere, ownScope } from '../src/discord/interaction/scope.ts'
import { strengthUsed } from '../src/discord/interaction/strength.ts'
import { addWhereOption, wantedLibrary } from '../src/discord/interaction/where.ts'
import type { Say } from '../src/discord/language/say.ts'
import { pairAlt } from '../src/discord/message/alt.ts'
import { galleryPost, type Post, textPost } from '../src/discord/message/post.ts'
import { isCovered, isShown } from '../src/discord/message/sensitivity.ts'
import { UserError } from '../src/errors.ts'
import type { SavedDifference } from '../src/store/differences.ts'
import { checkName } from '../src/store/names.ts'
import type { ResultRecord } from '../src/store/results.ts'

export const saveDiff = {
  data: addWhereOption(
    new SlashCommandBuilder()
      .setName('save-diff')
      .setDescription('Save the difference that you learned last in this channel')
      .setContexts(...everywhere.contexts)
      .setIntegrationTypes(...everywhere.integrationTypes)
      .addStringOption((option) =>
        option
          .setName('name')
          .setDescription('A name for it, such as “to winter”')
          .setMaxLength(longestName)
          .setRequired(true),
      ),
  ).toJSON(),

  async execute(call) {
    const { interaction, store, scope, person } = call
    const name = interaction.options.getString('name', true)
    const latest = () => store.results.latest(scope, interaction.channelId, person)
    let record = await latest()
    while (record && (await isResultGone(call, record))) record = await latest()
    if (!record) {
      throw new UserError('I have nothing that you learned in this channel; please start with `/analogy`.')
    }
    await save(call, record, name, wantedLibrary(call))
  },

  actions: {
    async save(call) {
      const { interaction, say, scope, person, argument } = call
      const record = await findResult(call)
      if (interaction.isModalSubmit()) {
        const isOwn =
          interaction.fields.fields.has('where') && interaction.fields.getStringSelectValues('where')[0] === mine
        return save(call, record, interaction.fields.getTextInputValue('name'), isOwn ? ownScope(person) : scope)
      }
      const libraries = await librariesOf(call)
      differenceOf(record)
      const name = lineField({
        id: 'name',
        label: say('Name'),
        longest: longestName,
        description: say('A name for it, such as “to winter”'),
      })
      const choices = libraries.map((library) =>
        library === scope ? { label: say('This server'), value: 'server' } : { label: say('Mine'), value: mine },
      )
      const where = choiceField({
        id: 'where',
        label: say('Where'),
        description: say('For this server, or for you alone, on every server'),
        choices,
      })
      await interaction.showModal(
        form(`save:${argument}`, say('Save the difference'), scope === ownScope(person) ? [name] : [name, where]),
      )
    },
  },
} satisfies Command

const mine = 'mine'

/** Where this person may save something. */
async function librariesOf({ interaction, store, scope, person }: Call): Promise<readonly string[]> {
  const settings = await store.settings.get(scope)
  checkBlock(interaction, settings)
  const own = ownScope(person)
  return maySave(interaction, settings) ? [...new Set([scope, own])] : [own]
}

/** Saves the difference as it was applied: a reversed one is saved reversed. */
async function save(call: Call, record: ResultRecord, given: string, library: string): Promise<void> {
  const { scope, person, store, reply } = call
  const { bytes, name: original } = differenceOf(record)
  const name = checkName(given)
  const settings = await checkNewName(call, name, library)
  const { keepPairs } = settings
  const { limit } = await store.settings.get(library)
  // Other people's pictures stay on their server.
  const isPictureless = library !== scope && record.broughtBy !== person
  checkAge(call.interaction, settings)
  const { facts, pictures, options, sensitivity } = record
  if (facts.exact && original === undefined && !options.isLearned) {
    // It was done exactly: the tokens that other programs read are learned now.
    await reply.open({ isPrivate: record.isPrivate })
    const asked = { type: 'save', name, how: 'learned', replace: false, library, isPictureless } as const
    const action = { ...asked, sensitivity: sensitivity?.example }
    return call.place({ kind: 'learn', pairs: record.pairs, options }, action)
  }
  await reply.think()
  const saved: SavedDifference = {
    name,
    bytes,
    person,
    at: Date.now(),
    pictures,
    facts: { ...facts, strength: strengthUsed(record), preserve: options.preserve ?? facts.preserve },
    pairs: keepPairs ? await pairsOf(call, record, original) : undefined,
    sensitivity: sensitivity?.example,
  }
  const kept = isPictureless ? withoutPictures(saved) : saved
  await store.differences.save(library, kept, { limit })
  await reply.whisper(savedPost(call.say, kept, isAgeRestricted(call.interaction)))
}

/** @throws UserError if there are several */
function differenceOf({ differences }: ResultRecord): ResultRecord['differences'][number] {
  const [first, ...more] = differences
  if (first && more.length === 0) return first
  throw new UserError(
    'This picture was made with {names} together, and a name stands for one difference only; both are saved already.',
    { names: differences.flatMap(({ name }) => name ?? []).map(bold) },
  )
}

/** A result of a saved difference has only the pair that it shows. */
async function pairsOf(
  { store, scope, person }: Call,
  record: ResultRecord,
  original?: string,
): Promise<ResultRecord['pairs']> {
  if (original === undefined) return record.pairs
  for (const library of [scope, ownScope(person)]) {
    const source = await store.differences.get(library, original)
    const isSame = source && Buffer.compare(source.bytes, record.differences[0]!.bytes) === 0
    if (isSame && source.pairs) return source.pairs
  }
  return record.pairs
}

function savedPost(say: Say, { name, pictures, facts, sensitivity }: SavedDifference, forAdults: boolean): Post {
  const text = say('Saved {name}: use it with `/apply-diff`.', { name: bold(name) })
  if (!pictures.pair || !isShown(sensitivity, forAdults)) return textPost(text)
  const picture = { name: 'pair.png', bytes: pictures.pair, alt: say(pairAlt(facts)) }
  return galleryPost(text, [{ ...picture, isCovered: isCovered(sensitivity, forAdults) }])
}
