import { type APIMessageTopLevelComponent, ComponentType, SlashCommandSubcommandBuilder } from 'discord.js'
import { bold } from '../../src/discord/actions/saved.ts'
import type { Call } from '../../src/discord/interaction/command.ts'
import { checkAge, isAgeRestricted } from '../../src/discord/interaction/permission.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import { updateOrWhisper } from '../../src/discord/interaction/update-or-whisper.ts'
import { code } from '../../src/discord/message/code.ts'
import { pageButtons, pageOf } from '../../src/discord/message/pages.ts'
import { pictureSection } from '../../src/discord/message/parts.ts'
import { buttonRow, type Picture, type Post, textDisplay, textPost } from '../../src/discord/message/post.ts'
import { isCovered, isShown } from '../../src/discord/message/sensitivity.ts'
import { verdictText } from '../../src/discord/message/verdict.ts'
import type { DifferenceEntry } from '../../src/store/differences.ts'
import { onlyForAdults, pairAlt, pictureless, whenAndWho } from './about.ts'

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
async function listPost({ interaction, store, scope }: Call, wanted: string): Promise<Post> {
  checkAge(interaction, await store.settings.get(scope))
  const all = await store.differences.list(scope)
  if (all.length === 0) return textPost(nothingYet)
  const page = pageOf(all, wanted, perPage)
  const isForAdults = isAgeRestricted(interaction)
  const pictures = page.items.map((entry, index) => pictureOf(entry, index, isForAdults))
  const count = all.length === 1 ? 'One difference is' : `${all.length} differences are`
  const where = page.pages > 1 ? `, page ${page.page + 1} of ${page.pages}` : ''
  const buttons = pageButtons('diffs-page', page)
  return {
    components: [
      textDisplay(`${count} saved here${where}. Use one with \`/apply-diff\`.`),
      ...page.items.map((entry, index) => pictureSection(summaryOf(entry, isForAdults), pictures[index])),
      menuOf(page.items),
      ...(buttons.length > 0 ? [buttonRow(buttons)] : []),
    ],
    pictures: pictures.filter((picture) => picture !== undefined),
  }
}

const nothingYet =
  'No difference is saved here yet. Teach me one with `/learn`, or press **Save** under a result of `/analogy`.'

function pictureOf(entry: DifferenceEntry, index: number, forAdults: boolean): Picture | undefined {
  const { pictures, sensitivity, facts } = entry
  if (!pictures.pair || !isShown(sensitivity, forAdults)) return undefined
  const covered = isCovered(sensitivity, forAdults)
  return { name: `pair-${index}.png`, bytes: pictures.pair, alt: pairAlt(facts), isCovered: covered }
}

function summaryOf(entry: DifferenceEntry, forAdults: boolean): string {
  const { model, verdict } = entry.facts
  const known = [`model ${code(model, 40)}`, verdictText(verdict)].filter(Boolean)
  const { sensitivity, pictures } = entry
  const why = isShown(sensitivity, forAdults) ? (pictures.pair ? [] : [pictureless]) : [onlyForAdults]
  return [bold(entry.name), whenAndWho(entry), ...why, `-# ${known.join(' · ')}`].join('\n')
}

/** Answered by `/diffs show`. */
function menuOf(entries: readonly DifferenceEntry[]): APIMessageTopLevelComponent {
  const options = entries.map(({ name }) => ({ label: name, value: name }))
  const menu = {
    type: ComponentType.StringSelect as const,
    custom_id: 'show-diff',
    placeholder: 'Show one',
    options,
  }
  return { type: ComponentType.ActionRow, components: [menu] }
}
