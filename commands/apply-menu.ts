import {
  type APIMessageTopLevelComponent,
  ApplicationCommandType,
  ComponentType,
  ContextMenuCommandBuilder,
} from 'discord.js'
import { applySaved, modelInUse, ofOtherModel, otherModelPost } from '../src/discord/actions/apply-saved.ts'
import { type Entry, everyEntry, labelOf, referenceTo } from '../src/discord/actions/libraries.ts'
import { savedNamed } from '../src/discord/actions/saved.ts'
import type { ActionCall, Call, MenuCommand } from '../src/discord/interaction/command.ts'
import { checkPlace } from '../src/discord/interaction/permission.ts'
import { everywhere } from '../src/discord/interaction/scope.ts'
import { type SeenPicture, seenPictures } from '../src/discord/interaction/seen-pictures.ts'
import { updateOrWhisper } from '../src/discord/interaction/update-or-whisper.ts'
import type { Say } from '../src/discord/language/say.ts'
import { type Page, pageButtons, pageOf } from '../src/discord/message/pages.ts'
import { buttonRow, cutAlt, type Post, textDisplay, withRows } from '../src/discord/message/post.ts'
import { sensitivityOf } from '../src/discord/message/sensitivity.ts'
import { shorten } from '../src/discord/message/shorten.ts'
import { UserError } from '../src/errors.ts'
import { sentence, template } from '../src/sentence.ts'

// The bot sees other people's messages only in the interaction: without the intent for message content, fetching one
// later returns nothing. So the private message that asks which difference to apply also shows the picture, and every
// use of that message brings the picture's address back, in this process or a later one. What follows the colon in the
// custom_ids is the id of the message whose menu was opened.

export const applyMenu = {
  data: new ContextMenuCommandBuilder()
    .setName('Apply a difference')
    .setType(ApplicationCommandType.Message)
    .setContexts(...everywhere.contexts)
    .setIntegrationTypes(...everywhere.integrationTypes)
    .toJSON(),

  async executeMenu(call) {
    const { interaction, reply, say, scope, store } = call
    checkPlace(interaction, await store.settings.get(scope))
    const pictures = seenPictures(interaction.targetMessage)
    const [picture] = pictures
    if (!picture) throw new UserError('That message has no picture that I can read.')
    const saved = await everyEntry(call)
    if (saved.length === 0) {
      throw new UserError(
        'No differences are saved here yet; `/learn` saves one, and so does the button under a result.',
      )
    }
    const { id } = interaction.targetMessage
    await reply.whisper(
      pictures.length === 1 ? differencesPost(call, picture, saved, id) : picturesPost(say, pictures, id),
    )
  },

  actions: {
    async 'menu-picture'(call) {
      const { interaction, argument } = call
      const chosen = interaction.isStringSelectMenu() ? Number(interaction.values[0]) : undefined
      const picture = picturesOf(call)[chosen ?? -1]
      if (!picture) throw new UserError(startAgain)
      await updateOrWhisper(call, differencesPost(call, picture, await everyEntry(call), argument))
    },

    async 'menu-page'(call) {
      const [source = '', wanted] = call.argument.split(':')
      const [picture] = picturesOf(call)
      if (!picture) throw new UserError(startAgain)
      await updateOrWhisper(call, differencesPost(call, picture, await everyEntry(call), source, wanted))
    },

    async 'menu-difference'(call) {
      const { interaction, argument, reply, scope, store, models, fetchAttachment, place } = call
      const [picture] = picturesOf(call)
      if (!picture || !interaction.isStringSelectMenu()) throw new UserError(startAgain)
      const saved = await savedNamed(call, interaction.values[0] ?? '')
      const settings = await store.settings.get(scope)
      if (ofOtherModel([saved], settings, models)) {
        return reply.whisper(otherModelPost(call, saved, modelInUse(settings, models)))
      }
      await call.claim()
      await reply.open()
      const image = await fetchAttachment(sentence('The picture'), {
        url: picture.url,
        name: '',
        size: 0,
        contentType: null,
      })
      const sensitivity = sensitivityOf(interaction, picture.isSpoiler)
      const { person } = call
      await applySaved(
        { models, scope, person, place: (job, action) => place(job, action, argument) },
        settings,
        [saved],
        { bytes: image, sensitivity },
      )
    },
  },
} satisfies MenuCommand

const startAgain = template('That menu no longer works; please open it on the message again.')

/** The pictures that our own private message shows. */
const picturesOf = ({ interaction }: ActionCall) => (interaction.message ? seenPictures(interaction.message) : [])

function picturesPost(say: Say, pictures: readonly SeenPicture[], source: string): Post {
  const options = pictures.map(({ alt }, index) => ({
    label: say('Picture {number}', { number: index + 1 }),
    description: shorten(altOf(say, alt), 100),
    value: String(index),
  }))
  return withRows(
    shown(say, say('Which picture?'), pictures),
    selectRow(`menu-picture:${source}`, say('Choose a picture'), options),
  )
}

function differencesPost(
  call: Call,
  picture: SeenPicture,
  saved: readonly Entry[],
  source: string,
  wanted = '0',
): Post {
  const { say } = call
  const page = pageOf(saved, wanted, mostOptions)
  if (page.items.length === 0) throw new UserError('No differences are saved here any longer.')
  const options = page.items.map((entry) => ({ label: labelOf(say, call, entry), value: referenceTo(call, entry) }))
  const post = withRows(
    shown(say, say('Which difference?'), [picture]),
    selectRow(`menu-difference:${source}`, placeholderOf(say, page), options),
  )
  const buttons = pageButtons(say, `menu-page:${source}`, page)
  return buttons.length > 0 ? withRows(post, buttonRow(buttons)) : post
}

const placeholderOf = (say: Say, { page, pages }: Page<unknown>) =>
  pages === 1
    ? say('Choose a difference')
    : say('Choose a difference (page {page} of {pages})', { page: page + 1, pages })

/** Of a select menu. */
const mostOptions = 25

const shown = (say: Say, text: string, pictures: readonly SeenPicture[]): Post => ({
  components: [
    textDisplay(text),
    {
      type: ComponentType.MediaGallery,
      items: pictures.map(({ url, alt, isSpoiler }) => ({
        media: { url },
        description: cutAlt(altOf(say, alt)),
        ...(isSpoiler && { spoiler: true }),
      })),
    },
  ],
})

/** What people wrote is never translated. */
const altOf = (say: Say, alt: SeenPicture['alt']): string => (typeof alt === 'string' ? alt : say(alt))

const selectRow = (
  action: string,
  placeholder: string,
  options: readonly { readonly label: string; readonly value: string; readonly description?: string }[],
): APIMessageTopLevelComponent => ({
  type: ComponentType.ActionRow,
  components: [{ type: ComponentType.StringSelect, custom_id: action, placeholder, options: [...options] }],
})
