import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { UserError } from '../../src/errors.ts'
import { LARGEST_PICTURE_BYTES } from '../../src/limits.ts'
import { type Bot, startBot } from '../loopback/bot.ts'
import {
  galleryOf,
  type Interaction,
  type Message,
  owner,
  startLoopback,
  stranger,
  textOf,
  until,
} from '../loopback/discord.ts'
import { ApiError, EPHEMERAL, flatten } from '../loopback/rules.ts'

let bot: Bot
before(async () => {
  bot = await startBot({ limitBytes: 1000 })
})
after(() => bot.close())

const attach = (byte: number, claims = {}) => bot.discord.attach(new Uint8Array([byte]), claims)
const pictures = () => ({ a: attach(1), a2: attach(2, { content_type: 'image/jpeg' }), b: attach(3) })
const buttonsOf = ({ components }: Message) =>
  flatten(components).flatMap(({ type, label }) => (type === 2 ? [label] : []))
const sixteenMinutes = 16 * 60_000

/** What was told to the person alone, after every public trace is gone. */
async function whisperOf(interaction: Interaction): Promise<string> {
  await until(() => interaction.answeredAfter !== undefined, 'an answer')
  await bot.settled()
  const { message, followUps } = interaction
  const isAlone = message && (message.flags & EPHEMERAL) !== 0
  const whisper = isAlone ? message : followUps[0]
  assert.ok(whisper && whisper.flags & EPHEMERAL, 'the answer is for the person alone')
  assert.ok(isAlone || message?.isDeleted, 'nothing stays in public')
  return textOf(whisper)
}

test('a command is answered at once, shows its progress, and ends as one message with four pictures', async () => {
  const interaction = bot.discord.slash('analogy', { ...pictures(), seed: 7, strength: 1.5, words: 'a *red* dog' })
  const { job, progress, done } = await bot.work()
  assert.ok(interaction.answeredAfter! < 1000)
  const message = interaction.message!
  await until(() => textOf(message).includes('Starting'), 'a first word')
  progress({ stage: 'learn', step: 1, of: 120 })
  progress({ stage: 'learn', step: 60, of: 120 })
  await until(() => textOf(message).includes('60 of 120'), 'progress')
  assert.match(textOf(message), /Learning what changes from A to A′\n50 % done, step 60 of 120, about \d+ seconds left/)
  assert.deepEqual(message.pings, [])

  assert.equal(job.kind, 'analogy')
  assert.equal(job.options.seed, 7)
  assert.equal(job.options.prompt, 'a *red* dog')
  done({
    notices: ['B is animated; its first frame was used.'],
    report: {
      model: 'emoji',
      mode: 'fast',
      seed: 7,
      seconds: { total: 14.256 },
      peakRssBytes: 0,
      strength: 1.5,
      preserve: 0.4,
      fit: 0.83,
      verdict: 'well',
      caption: { a: 'a cat', a2: 'a cat, framed', b: 'a dog' },
    },
  })
  await bot.settled()
  assert.deepEqual(galleryOf(message), [
    { name: 'a.png', alt: 'A: a cat' },
    { name: 'a2.jpg', alt: 'A′: a cat, framed' },
    { name: 'b.png', alt: 'B: a *red* dog' },
    { name: 'b2.png', alt: 'B′: a *red* dog, changed as A is to become A′' },
  ])
  assert.deepEqual(
    message.files.map(({ bytes, alt }, index) => [bytes[0], alt === galleryOf(message)[index]!.alt]),
    [1, 2, 3, 4].map((byte) => [byte, true]),
  )
  assert.match(textOf(message), /B is animated; its first frame was used\./)
  assert.ok(
    textOf(message).endsWith(
      '-# seed 7 · strength 1.5 · preserve 0.4 · learned well · 14.26 s · words: a \\*red\\* dog',
    ),
  )
  assert.deepEqual(buttonsOf(message), [
    'Save',
    'Another picture',
    'Again',
    'Stronger',
    'Weaker',
    'Reverse',
    'Adjust …',
    'Delete',
  ])
  assert.deepEqual(interaction.followUps, [])
})

const badInputs: [string, () => Parameters<Bot['discord']['slash']>[1], RegExp][] = [
  [
    'a text',
    () => ({ ...pictures(), a: attach(1, { content_type: 'text/plain' }) }),
    /^A is not a type of picture I can read/,
  ],
  ['an SVG', () => ({ ...pictures(), b: attach(1, { content_type: 'image/svg+xml' }) }), /^B is an SVG drawing/],
  ['an empty file', () => ({ ...pictures(), a2: attach(1, { size: 0 }) }), /^A′ is an empty file/],
  [
    'a large file',
    () => ({ ...pictures(), b: attach(1, { size: LARGEST_PICTURE_BYTES + 1 }) }),
    /^B is too large; .* at most 10 MB/,
  ],
  [
    'a file larger than claimed',
    () => ({ ...pictures(), b: bot.discord.attach(new Uint8Array(1001)) }),
    /^B is too large/,
  ],
  [
    'a foreign host',
    () => ({ ...pictures(), b: attach(3, { url: 'http://169.254.169.254/x.png' }) }),
    /^B is on a host I may not/,
  ],
  [
    'a redirect',
    () => ({ ...pictures(), b: attach(3, { redirect: `${bot.discord.origin}/x` }) }),
    /^B could not be downloaded/,
  ],
  ['the same bytes twice', () => ({ ...pictures(), a2: attach(1) }), /^A and A′ are the same picture/],
]
for (const [what, options, sentence] of badInputs) {
  test(`${what} is answered with a sentence to the person alone`, async () => {
    assert.match(await whisperOf(bot.discord.slash('analogy', options())), sentence)
  })
}

test('the same attachment twice is refused before anything is fetched or shown', async () => {
  const a = attach(1)
  const interaction = bot.discord.slash('analogy', { a, a2: a, b: attach(2) })
  assert.match(await whisperOf(interaction), /^A and A′ are the same picture/)
  assert.ok(interaction.message!.flags & EPHEMERAL)
})

test('a command that is no longer there gets a sentence', async () => {
  assert.match(await whisperOf(bot.discord.slash('yesterday', {})), /That command no longer exists/)
})

test('what the worker says to the person reaches the person alone', async () => {
  const interaction = bot.discord.slash('analogy', pictures())
  const { failed } = await bot.work()
  failed(new UserError('B is cut short; please send it again.'))
  assert.equal(await whisperOf(interaction), 'B is cut short; please send it again.')
})

test('a fault of ours becomes a plain sentence, and the log holds no token and no address', async () => {
  bot.log.length = 0
  const interaction = bot.discord.slash('analogy', pictures())
  const { failed } = await bot.work()
  const cause = new Error(`fetch failed: ${bot.discord.origin}/webhooks/1/${interaction.token}`)
  failed(new Error('no such tensor', { cause }))
  assert.match(await whisperOf(interaction), /^Something went wrong on my side/)
  assert.match(bot.log.join('\n'), /no such tensor[\s\S]*caused by Error: fetch failed: <address>/)
  assert.ok(!bot.log.join('\n').includes(interaction.token))
})

test('after 15 minutes the result still arrives in the same message', async () => {
  const interaction = bot.discord.slash('analogy', pictures())
  const { done, progress } = await bot.work()
  bot.discord.advance(sixteenMinutes)
  progress({ stage: 'sample', step: 1, of: 20 })
  await until(() => textOf(interaction.message!).includes('Painting'), 'progress without the token')
  done()
  await bot.settled()
  assert.equal(galleryOf(interaction.message!).length, 4)
})

test('so it does where Discord answers a defer with no more than the documentation promises', async () => {
  const discord = await startLoopback({ withholdsDeferred: true })
  const sparse = await startBot({ discord })
  const [a, a2, b] = [1, 2, 3].map((byte) => discord.attach(new Uint8Array([byte])))
  const interaction = discord.slash('analogy', { a: a!, a2: a2!, b: b! })
  const { done } = await sparse.work()
  discord.advance(sixteenMinutes)
  done()
  await sparse.settled()
  assert.equal(galleryOf(interaction.message!).length, 4)
  await sparse.close()
})

test('after 15 minutes, and with the message closed to the bot, it arrives in the channel and pings its owner only', async () => {
  const interaction = bot.discord.slash('analogy', pictures())
  const { done } = await bot.work()
  await until(() => interaction.message!.edits > 0, 'a first word')
  bot.discord.advance(sixteenMinutes)
  bot.discord.refuseNext(/^PATCH channels/, new ApiError(403, 50001, 'Missing Access'))
  done()
  await bot.settled()
  const last = [...bot.discord.messages.values()].at(-1)!
  assert.notEqual(last, interaction.message)
  assert.equal(galleryOf(last).length, 4)
  assert.match(textOf(last), new RegExp(`^<@${owner.id}>\n`))
  assert.deepEqual(last.pings, [owner.id])
})

test('with its message deleted a job is cancelled, and nothing is posted anew or kept', async () => {
  for (const [advance, isLate] of [
    [0, false],
    [0, true],
    [sixteenMinutes, false],
  ] as const) {
    const interaction = bot.discord.slash('analogy', pictures())
    const { done, progress } = await bot.work()
    await until(() => interaction.message!.edits > 0, 'a first word')
    bot.discord.advance(advance)
    interaction.message!.isDeleted = true
    const before = bot.discord.messages.size
    // Either progress meets it, or the result does.
    if (isLate) done()
    else progress({ stage: 'sample', step: 1, of: 20 })
    await bot.settled()
    assert.equal(bot.discord.messages.size, before)
    assert.equal(await bot.store.results.get(interaction.id), undefined)
  }
})

test('with the channel closed as well it arrives as a direct message', async () => {
  const interaction = bot.discord.slash('analogy', pictures())
  const { done } = await bot.work()
  await until(() => interaction.message!.edits > 0, 'a first word')
  bot.discord.advance(sixteenMinutes)
  bot.discord.refuseNext(/^PATCH channels/, new ApiError(403, 50001, 'Missing Access'))
  bot.discord.refuseNext(/^POST channels/, new ApiError(403, 50001, 'Missing Access'))
  done()
  await bot.settled()
  const last = [...bot.discord.messages.values()].at(-1)!
  assert.notEqual(last.channelId, interaction.message!.channelId)
  assert.equal(galleryOf(last).length, 4)
})

test('in a direct message it works as in a server, after 15 minutes too', async () => {
  const interaction = bot.discord.slash('analogy', pictures(), { ...owner, isDirect: true })
  const { done } = await bot.work()
  bot.discord.advance(sixteenMinutes)
  done()
  await bot.settled()
  assert.equal(galleryOf(interaction.message!).length, 4)
})

test('after 15 minutes a failure is told in the message, for there is no way to whisper', async () => {
  const interaction = bot.discord.slash('analogy', pictures())
  const { failed } = await bot.work()
  bot.discord.advance(sixteenMinutes)
  failed(new UserError('B is cut short; please send it again.'))
  await bot.settled()
  assert.equal(textOf(interaction.message!), 'B is cut short; please send it again.')
})

test('when Discord finds the four pictures too large, B′ comes alone and says so', async () => {
  const interaction = bot.discord.slash('analogy', pictures())
  const { done } = await bot.work()
  await until(() => interaction.message!.edits > 0, 'a first word')
  bot.discord.refuseNext(/^PATCH webhooks/, new ApiError(413, 40005, 'Request entity too large'))
  done()
  await bot.settled()
  assert.deepEqual(
    galleryOf(interaction.message!).map(({ name }) => name),
    ['b2.png'],
  )
  assert.match(textOf(interaction.message!), /too large to be posted again/)
})

test('a rate limit delays the result and does not lose it', async () => {
  const interaction = bot.discord.slash('analogy', pictures())
  const { done } = await bot.work()
  await until(() => interaction.message!.edits > 0, 'a first word')
  bot.discord.refuseNext(/^PATCH webhooks/, new ApiError(429, 0, 'You are being rate limited.'), 0.2)
  done()
  await bot.settled()
  assert.equal(galleryOf(interaction.message!).length, 4)
})

test('the owner cancels while it runs; afterwards the same button says that the job is over', async () => {
  const interaction = bot.discord.slash('analogy', pictures())
  await bot.work()
  const message = interaction.message!
  await until(() => message.components.length > 1, 'the button')
  const withButton = { ...message }
  bot.discord.press(message, 'Cancel')
  await until(() => textOf(message) === 'Cancelled.', 'the end')
  assert.ok(!message.isDeleted)
  assert.equal(message.components.length, 1)
  assert.equal(await whisperOf(bot.discord.press(withButton, 'Cancel')), 'That job has already ended.')
})

test('a job is cancelled while it waits, by a moderator but not by a stranger', async () => {
  const first = bot.discord.slash('analogy', pictures())
  const running = await bot.work()
  const second = bot.discord.slash('analogy', pictures(), stranger)
  await until(() => second.message && textOf(second.message).includes('one job is ahead'), 'its place')
  assert.match(await refusalOf(bot.discord.press(second.message!, 'Cancel', owner)), /Only the person who started/)
  bot.discord.press(second.message!, 'Cancel', { ...owner, isModerator: true })
  await until(() => textOf(second.message!) === 'Cancelled by a moderator.', 'the end')
  running.done()
  await bot.settled()
  assert.equal(galleryOf(first.message!).length, 4)
})

/** Like `whisperOf`, while another command is still under way. */
async function refusalOf(interaction: Interaction): Promise<string> {
  await until(() => interaction.message && interaction.message.flags & EPHEMERAL, 'a refusal')
  return textOf(interaction.message!)
}

test('a session that Discord ends for good is reported', async () => {
  bot.discord.kick(4004)
  await until(() => bot.lost.length > 0, 'the report')
  assert.deepEqual(bot.lost, ['Discord ended the session (code 4004).'])
})
