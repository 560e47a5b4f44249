import { readFile } from 'node:fs/promises'
import { ButtonStyle, MessageFlags, SlashCommandBuilder } from 'discord.js'
import { modelInUse } from '../src/discord/actions/apply-saved.ts'
import { bold } from '../src/discord/actions/saved.ts'
import type { ActionCall, Call, Command } from '../src/discord/interaction/command.ts'
import { everywhere } from '../src/discord/interaction/scope.ts'
import type { Say } from '../src/discord/language/say.ts'
import { buttonRow, galleryPost, type Post, textDisplay, withRows } from '../src/discord/message/post.ts'
import { verdictText } from '../src/discord/message/verdict.ts'
import { sentence } from '../src/sentence.ts'

export const help = {
  data: new SlashCommandBuilder()
    .setName('help')
    .setDescription('How to start, with an example that runs at the press of a button')
    .setContexts(...everywhere.contexts)
    .setIntegrationTypes(...everywhere.integrationTypes)
    .toJSON(),

  async execute(call) {
    await call.reply.whisper(await helpPost(call))
  },

  actions: { example: runExample },
} satisfies Command

async function helpPost(call: Call): Promise<Post> {
  const { say } = call
  const { a, a2, b } = await examplePictures()
  const pictures = [
    { name: 'a.png', bytes: a, alt: say('A: a rocket on orange') },
    { name: 'a2.png', bytes: a2, alt: say('A′: the same on purple') },
    { name: 'b.png', bytes: b, alt: say('B: a ghost on orange') },
  ]
  const button = { label: say('Try this example'), action: 'example', style: ButtonStyle.Primary as const }
  return withRows(
    galleryPost(say(beginning), pictures),
    buttonRow([button]),
    textDisplay([say(commands), verdictsText(say), await modelText(call)].join('\n')),
  )
}

const beginning = sentence(
  '**A** is to **A′** as **B** is to **B′**: give me three pictures, and I do to the third what happened from the first to the second. Here the background turned purple.',
)

const commands = sentence(
  '### How to start\n`/analogy` takes your three pictures. `/learn` learns from up to five pairs and saves it under a name. `/apply-diff` applies what is saved, and so does the menu of any message with a picture. `/diffs list` shows what is saved here, `/diffs forget` deletes everything of yours.',
)

function verdictsText(say: Say): string {
  return say(
    '### How well it was learned\n**{well}**: applied to A it comes close to A′, and B′ is probably right.\n**{partly}**: B′ may be right; another seed, another strength or more pairs can help.\n**{not}**: expect little; give two pictures that differ in one thing alone.\n**A and A′ hardly differ**: there may be nothing to learn from them.\n**done exactly**: B′ is made of B’s own pixels, and nothing had to be learned.',
    { well: verdictText(say, 'well')!, partly: verdictText(say, 'partly')!, not: verdictText(say, 'not')! },
  )
}

async function modelText({ say, store, scope, models }: Call): Promise<string> {
  const model = modelInUse(await store.settings.get(scope), models)
  const knows = models.knows?.[model]
  const title = say('### The model')
  if (!knows) return `${title}\n${say('{model} is in use here.', { model: bold(model) })}`
  const text = say('{model} is in use here. In its own words it knows {knows}. Of other pictures expect little.', {
    model: bold(model),
    knows,
  })
  return `${title}\n${text}`
}

/** As private as the message with the button. */
async function runExample(call: ActionCall): Promise<void> {
  const { interaction, store, scope, models } = call
  const { a, a2, b } = await examplePictures()
  const pairs = [{ a, a2 }]
  const model = modelInUse(await store.settings.get(scope), models)
  await call.claim()
  await call.reply.open({ isPrivate: interaction.message?.flags.has(MessageFlags.Ephemeral) })
  await call.place(
    { kind: 'analogy', pairs, b, options: { model, mode: 'fast', seed: 0 } },
    { type: 'show', pairs, names: [], fileNames: { a: 'a.png', a2: 'a2.png', b: 'b.png' } },
  )
}

/** One that every model can do, at once. */
async function examplePictures() {
  const read = (name: string) => readFile(new URL(`../examples/02-orange-to-purple/${name}.png`, import.meta.url))
  const [a, a2, b] = await Promise.all([read('a'), read('a2'), read('b')])
  return { a, a2, b }
}
