import { type APIMessageTopLevelComponent, ComponentType, SlashCommandSubcommandBuilder } from 'discord.js'
import { type Entry, everyEntry, labelOf, referenceTo } from '../../src/discord/actions/libraries.ts'
import { bold } from '../../src/discord/actions/saved.ts'
import type { Call } from '../../src/discord/interaction/command.ts'
import { checkAge, isAgeRestricted } from '../../src/discord/interaction/permission.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import { updateOrWhisper } from '../../src/discord/interaction/update-or-whisper.ts'
import type { Say } from '../../src/discord/language/say.ts'
import { pairAlt } from '../../src/discord/message/alt.ts'
import { code } from '../../src/discord/message/code.ts'
import { type Page, pageButtons, pageOf } from '../../src/discord/message/pages.ts'
import { pictureSection } from '../../src/discord/message/parts.ts'
import { buttonRow, type Picture, type Post, textDisplay, textPost } from '../../src/discord/message/post.ts'
import { isCovered, isShown } from '../../src/discord/message/sensitivity.ts'
import { verdictText } from '../../src/discord/message/verdict.ts'
import { type Sentence, template } from '../../src/sentence.ts'
import type { DifferenceEntry } from '../../src/store/differences.ts'
import { drawn, onlyForAdults, pictureless, whenAndWho } from './about.ts'

// Eight sections of three components each, the heading and two rows are 33 of Discord's 40 components; eight pictures
// of its ten.
const perPage = 8

export const list = {
  data: new SlashCommandSubcommandBuilder().setName('list').setDescription('Show the saved differences'),

  async execute(call) {
    await call.reply.think()
    await call.reply.whisper(await listPost(call, '0'))
  },

  actions: {
    'diffs-page': async (call) => updateOrWhisper(call, await listPost(call, call.argument)),
  },
} satisfies Subcommand

/** @param wanted The number of a page, from 0. @throws UserError where pictures may not be seen */
async function listPost(call: Call, wanted: string): Promise<Post> {
  const { interaction, say, store, scope } = call
  checkAge(interaction, await store.settings.get(scope))
  const all = await everyEntry(call)
  if (all.length === 0) {
    return textPost(
      say(
        'No difference is saved here yet. Teach me one with `/learn`, or press **Save** under a result of `/analogy`.',
      ),
    )
  }
  const here = all.filter(({ library }) => library === scope)
  const yours = all.length > here.length ? [say(ownTitle, { count: all.length - here.length })] : []
  const page = pageOf(all, wanted, perPage)
  const isForAdults = isAgeRestricted(interaction)
  const pictures = page.items.map((entry, index) => pictureOf(say, entry, index, isForAdults))
  const buttons = pageButtons(say, 'diffs-page', page)
  return {
    components: [
      textDisplay([titleOf(say, here.length, page), ...yours].join('\n')),
      ...page.items.map((entry, index) => pictureSection(summaryOf(call, entry, isForAdults), pictures[index])),
      menuOf(call, page.items),
      ...(buttons.length > 0 ? [buttonRow(buttons)] : []),
    ],
    pictures: pictures.filter((picture) => picture !== undefined),
  }
}

const ownTitle = template('{count, plural, =1 {One more is} other {# more are}} your own, on every server.')

function titleOf(say: Say, count: number, { page, pages }: Page<unknown>): string {
  if (pages === 1) {
    return say(
      '{count, plural, =1 {One difference is} other {# differences are}} saved here. Use one with `/apply-diff`.',
      { count },
    )
  }
  return say(
    '{count, plural, =1 {One difference is} other {# differences are}} saved here, page {page} of {pages}. Use one with `/apply-diff`.',
    { count, page: page + 1, pages },
  )
}

function pictureOf(say: Say, entry: DifferenceEntry, index: number, forAdults: boolean): Picture | undefined {
  const { pictures, sensitivity, facts } = entry
  if (!pictures.pair || !isShown(sensitivity, forAdults)) return undefined
  const covered = isCovered(sensitivity, forAdults)
  return { name: `pair-${index}.png`, bytes: pictures.pair, alt: say(pairAlt(facts)), isCovered: covered }
}

/** Why its picture is none of what was learned. */
function notPictured({ pictures, facts }: Entry): Sentence[] {
  if (!pictures.pair) return [pictureless]
  return facts.isDrawn ? [drawn] : []
}

function summaryOf(call: Call, entry: Entry, forAdults: boolean): string {
  const { say } = call
  const { model, verdict } = entry.facts
  const known = [say('model {model}', { model: code(model, 40) }), verdictText(say, verdict)].filter(Boolean)
  const { sensitivity } = entry
  const why = isShown(sensitivity, forAdults) ? notPictured(entry) : [onlyForAdults]
  return [
    labelOf(say, call, { ...entry, name: bold(entry.name) }),
    say(whenAndWho(entry)),
    ...why.map((one) => `-# ${say(one)}`),
    `-# ${known.join(' · ')}`,
  ].join('\n')
}

/** Answered by `/diffs show`. */
function menuOf(call: Call, entries: readonly Entry[]): APIMessageTopLevelComponent {
  const { say } = call
  const options = entries.map((entry) => ({ label: labelOf(say, call, entry), value: referenceTo(call, entry) }))
  const menu = {
    type: ComponentType.StringSelect as const,
    custom_id: 'show-diff',
    placeholder: say('Show one'),
    options,
  }
  return { type: ComponentType.ActionRow, components: [menu] }
}
