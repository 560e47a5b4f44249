import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { type Bot, startBot } from '../loopback/bot.ts'
import {
  admin,
  guildId,
  type Interaction,
  type Message,
  moderator,
  outsider,
  owner,
  type Person,
  stranger,
  textOf,
  until,
} from '../loopback/discord.ts'
import { flatten } from '../loopback/rules.ts'
import { answerTo, buttonsOf, forgedButton, png, save, turned } from './whispers.ts'

let bot: Bot
beforeEach(async () => {
  bot = await startBot()
  await bot.store.settings.change(guildId, { personLimit: 20 })
})
afterEach(() => bot.close())

const picture = (byte: number) => bot.discord.attach(png(byte))

/** Resolves when the job is in the line. */
async function placed(interaction: Interaction): Promise<Interaction> {
  await until(() => interaction.message && textOf(interaction.message) !== '', 'its place')
  return interaction
}

const ask = (who: Person = owner) =>
  placed(bot.discord.slash('analogy', { a: picture(1), a2: picture(2), b: picture(3) }, who))

const show = (who: Person = owner) => answerTo(bot.discord.slash('queue', {}, who))
const firstLine = (message: Message) => textOf(message).split('\n')[0]
const isOver = ({ message }: Interaction) => /^Cancelled/.test(textOf(message!))

/** Whose Cancel buttons there are, by the jobs’ ids. */
const cancelsIn = ({ components }: Message) =>
  flatten(components).flatMap(({ custom_id = '' }) => /^queue-cancel:\d+:(\d+)$/.exec(custom_id)?.[1] ?? [])

test('an empty line says so, and can be looked at again', async () => {
  const message = await show()
  assert.equal(textOf(message), 'Nothing is running or waiting here.')
  assert.deepEqual(buttonsOf(message), ['Refresh'])
  await ask()
  assert.equal(firstLine(await turned(bot.discord.press(message, 'Refresh'))), 'One job here:')
})

test('what runs and what waits, in order: its kind, whose it is, and how long it will take', async () => {
  await save(bot.store, guildId, '_Frame_')
  await ask(owner)
  const file = bot.discord.attach(png(1), { filename: 'x.safetensors' })
  await placed(bot.discord.slash('diffs import', { file, name: 'Smile' }, moderator))
  await placed(bot.discord.slash('apply-diff', { name: '_Frame_', image: picture(1) }, stranger))
  const message = await show()
  const [title, ...lines] = textOf(message).split('\n')
  assert.equal(title, '3 jobs here:')
  const expected = [
    [`An analogy, for <@${owner.id}>, since <t:`, '-# Running · done in about '],
    [`A private job, for <@${moderator.id}>, since <t:`, '-# Waiting, one job ahead · done in about '],
    [`Applying **\\_Frame\\_**, for <@${stranger.id}>, since <t:`, '-# Waiting, 2 jobs ahead · done in about '],
  ].flat()
  assert.equal(lines.length, expected.length)
  for (const [index, start] of expected.entries()) assert.ok(lines[index]!.startsWith(start), lines[index])
  assert.deepEqual(message.pings, [])
})

test('of other servers and of direct messages there is a number and nothing else', async () => {
  const others = [await ask(outsider), await ask({ ...stranger, isDirect: true })]
  const message = await show()
  assert.match(textOf(message), /^Nothing is running or waiting here\.\n-# 2 jobs are from elsewhere\.$/)
  const all = JSON.stringify(message.components)
  for (const { id, person } of others) assert.ok(!all.includes(id) && !all.includes(person.id))
  await ask()
  assert.match(textOf(await show()), /^One job here:\nAn analogy.*\n-# Waiting, 2 jobs ahead · .*\n-# 2 jobs are from/)
  assert.match(
    textOf(await show({ ...stranger, isDirect: true })),
    /^One job here:\nAn analogy, for .*\n.*\n-# 2 jobs are from/,
  )
  assert.match(textOf(await show({ ...owner, isDirect: true })), /^Nothing is running.*\n-# 3 jobs are from/)
})

test('one’s own jobs have a Cancel button, for moderators all of the server', async () => {
  const [mine, theirs] = [await ask(owner), await ask(stranger)]
  await ask(outsider)
  assert.deepEqual(cancelsIn(await show(owner)), [mine.id])
  assert.deepEqual(cancelsIn(await show(stranger)), [theirs.id])
  for (const who of [moderator, admin]) assert.deepEqual(cancelsIn(await show(who)), [mine.id, theirs.id])
})

test('what runs and what waits is cancelled from the list, which then is without it', async () => {
  const [running, waiting] = [await ask(), await ask()]
  await bot.work()
  const message = await show()
  const press = (id: string) => turned(bot.discord.press(message, { customId: `queue-cancel:0:${id}` }))
  assert.deepEqual(cancelsIn(await press(waiting.id)), [running.id])
  await press(running.id)
  assert.equal(textOf(message), 'Nothing is running or waiting here.')
  await until(() => isOver(running) && isOver(waiting), 'the end of both')
  assert.equal(textOf(running.message!), 'Cancelled.')
})

test('a moderator cancels the job of another, who is told that', async () => {
  const theirs = await ask(stranger)
  await turned(bot.discord.press(await show(moderator), 'Cancel', moderator))
  await until(() => isOver(theirs), 'the end')
  assert.equal(textOf(theirs.message!), 'Cancelled by a moderator.')
})

test('a stranger with a forged button cancels nothing', async () => {
  const theirs = await ask(owner)
  const message = await show(stranger)
  for (const customId of [`queue-cancel:0:${theirs.id}`, `cancel:${theirs.id}`]) {
    const answer = await answerTo(bot.discord.press(forgedButton(message, customId), 'Forged', stranger))
    assert.match(textOf(answer), /^Only the person who started this job, or a moderator/)
  }
  assert.deepEqual(cancelsIn(await show(owner)), [theirs.id])
})

test('no one cancels a job of another server: not its managers, nor whoever manages their own direct messages', async () => {
  const here = await ask(owner)
  const elsewhere: Person = { ...admin, channelId: outsider.channelId! }
  for (const who of [elsewhere, { ...stranger, isDirect: true }, { ...owner, isDirect: true }]) {
    const message = await show(who)
    const list = await turned(bot.discord.press(forgedButton(message, `queue-cancel:0:${here.id}`), 'Forged', who))
    assert.match(textOf(list), /^Nothing is running or waiting here\.\n-# One job is from elsewhere\.$/)
    const answer = await answerTo(bot.discord.press(forgedButton(message, `cancel:${here.id}`), 'Forged', who))
    assert.equal(textOf(answer), 'That job has already ended.')
  }
  assert.deepEqual(cancelsIn(await show(owner)), [here.id])
})

test('twenty jobs are two pages; a cancelled one leaves its page as it is', async () => {
  for (let index = 0; index < 20; index++) await ask()
  const message = await show()
  assert.equal(firstLine(message), '20 jobs here, page 1 of 2:')
  assert.deepEqual(buttonsOf(message).slice(10), ['Refresh', 'Back (off)', 'Next'])
  const first = cancelsIn(message)
  await turned(bot.discord.press(message, 'Next'))
  const second = cancelsIn(message)
  assert.equal(new Set([...first, ...second]).size, 20)
  await turned(bot.discord.press(message, { customId: `queue-cancel:1:${second[0]}` }))
  assert.equal(firstLine(message), '19 jobs here, page 2 of 2:')
  assert.deepEqual(cancelsIn(message), second.slice(1))
})

test('whatever the custom_id, there is an answer', async () => {
  await ask()
  const message = await show()
  for (const customId of [
    'queue-page:-7',
    'queue-page:x',
    'queue-page',
    'queue-cancel',
    'queue-cancel:::',
    'queue-cancel:0:1',
  ]) {
    await turned(bot.discord.press(forgedButton(message, customId), 'Forged'))
    assert.equal(firstLine(message), 'One job here:', customId)
  }
})
