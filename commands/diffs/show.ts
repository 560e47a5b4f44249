import { ButtonStyle, SlashCommandSubcommandBuilder } from 'discord.js'
import { type Found, labelOf, mayChangeIn, referenceTo } from '../../src/discord/actions/libraries.ts'
import { bold, savedNamed } from '../../src/discord/actions/saved.ts'
import type { Call } from '../../src/discord/interaction/command.ts'
import { checkAge, isAgeRestricted } from '../../src/discord/interaction/permission.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import type { Say } from '../../src/discord/language/say.ts'
import { afterAlt, beforeAlt } from '../../src/discord/message/alt.ts'
import { code } from '../../src/discord/message/code.ts'
import {
  type Button,
  buttonRow,
  galleryPost,
  type Picture,
  type Post,
  textPost,
  withRows,
} from '../../src/discord/message/post.ts'
import { isCovered, isShown } from '../../src/discord/message/sensitivity.ts'
import type { SavedDifference } from '../../src/store/differences.ts'
import { detailsOf, drawn, onlyForAdults, whenAndWho } from './about.ts'
import { nameOption } from './name-option.ts'

export const show = {
  data: new SlashCommandSubcommandBuilder()
    .setName('show')
    .setDescription('Show one difference: how it was learned, and how well')
    .addStringOption(nameOption),

  execute: (call) => showOne(call, call.interaction.options.getString('name', true)),

  actions: {
    async 'show-diff'(call) {
      const { interaction } = call
      if (interaction.isStringSelectMenu()) await showOne(call, interaction.values[0] ?? '')
    },
  },
} satisfies Subcommand

async function showOne(call: Call, name: string): Promise<void> {
  await call.reply.think()
  await call.reply.whisper(await detailsPost(call, name))
}

/** @throws UserError if there is no such difference, or where pictures may not be seen */
export async function detailsPost(call: Call, name: string): Promise<Post> {
  const { interaction, say, store, scope } = call
  const settings = await store.settings.get(scope)
  checkAge(interaction, settings)
  const saved = await savedNamed(call, name)
  const isForAdults = isAgeRestricted(interaction)
  const pictures = picturesOf(say, saved, isForAdults)
  const text = textOf(call, saved, isForAdults)
  const post = pictures.length > 0 ? galleryPost(text, pictures) : textPost(text)
  return withRows(post, buttonRow(buttonsOf(say, referenceTo(call, saved), mayChangeIn(call, settings, saved))))
}

function textOf(call: Call, saved: Found, forAdults: boolean): string {
  const { say } = call
  const { a, a2 } = saved.facts.caption ?? {}
  const told = a && a2 ? [say('From {a} to {a2}', { a: code(a), a2: code(a2) })] : []
  const shown = saved.facts.isDrawn ? [...told, `-# ${say(drawn)}`] : told
  const captions = isShown(saved.sensitivity, forAdults) ? shown : [`-# ${say(onlyForAdults)}`]
  return [
    labelOf(say, call, { ...saved, name: bold(saved.name) }),
    say(whenAndWho(saved)),
    ...captions,
    `-# ${detailsOf(say, saved.facts)}`,
  ].join('\n')
}

function picturesOf(say: Say, { pictures, facts, sensitivity }: SavedDifference, forAdults: boolean): Picture[] {
  const { a, a2, loss } = isShown(sensitivity, forAdults) ? pictures : { loss: pictures.loss }
  const covered = { isCovered: isCovered(sensitivity, forAdults) }
  return [
    a && { name: 'a.png', bytes: a, alt: say(beforeAlt(facts)), ...covered },
    a2 && { name: 'a2.png', bytes: a2, alt: say(afterAlt(facts)), ...covered },
    loss && { name: 'loss.png', bytes: loss, alt: say('The learning curve: the loss, step by step') },
  ].filter((picture) => picture !== undefined)
}

const buttonsOf = (say: Say, name: string, isChangeable: boolean): readonly Button[] => [
  { label: say('Export'), action: `export-diff:${name}` },
  ...(isChangeable
    ? [
        { label: say('Rename'), action: `rename-diff:${name}` },
        { label: say('Delete'), action: `delete-diff:${name}`, style: ButtonStyle.Danger as const },
      ]
    : []),
]
