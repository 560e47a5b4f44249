import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { type Bot, startBot } from '../../loopback/bot.ts'
import {
  admin,
  guildId,
  type Interaction,
  otherChannelId,
  owner,
  type Person,
  roleIds,
  stranger,
  textOf,
  until,
} from '../../loopback/discord.ts'
import { answerTo, formOf, png, resultOf, unset, whisperOf } from '../whispers.ts'

// Who may ask for how much.

let bot: Bot
before(async () => {
  bot = await startBot()
})
after(() => bot.close())
afterEach(() => unset(bot.store))

const settings = async (name: string, options = {}, who: Person = admin) =>
  textOf(await answerTo(bot.discord.slash(`settings ${name}`, options, who)))
const attach = (byte: number) => bot.discord.attach(png(byte))
const analogy = (who: Person) => bot.discord.slash('analogy', { a: attach(1), a2: attach(2), b: attach(3) }, who)
const isAcknowledged = ({ message }: Interaction) => message && /Cancel/.test(JSON.stringify(message.components))

test('who is blocked makes and saves nothing on this server, and can have everything deleted', async () => {
  const asked = analogy(owner)
  ;(await bot.work()).done()
  const message = await resultOf(asked)
  const form = await formOf(bot.discord.press(message, 'Save'))
  assert.match(await settings('block', { person: owner.id }), /^<@4\d+1> is blocked/)
  assert.match(await settings('show'), /Blocked: <@4\d+1>\./)
  const refused = /^On this server you may not use me/
  assert.match(await whisperOf(analogy(owner)), refused)
  assert.match(await whisperOf(bot.discord.slash('learn', { name: 'x' })), refused)
  assert.match(await whisperOf(bot.discord.slash('save-diff', { name: 'x' })), refused)
  assert.match(await whisperOf(bot.discord.press(message, 'Again')), refused)
  assert.match(await whisperOf(bot.discord.submit(form, { name: 'x' })), refused)
  assert.equal((await bot.store.differences.list(guildId)).length, 0)
  assert.match(await whisperOf(bot.discord.slash('diffs forget', {})), /^Delete everything I keep about you/)

  const elsewhere = analogy({ ...owner, channelId: otherChannelId })
  ;(await bot.work()).done()
  await resultOf(elsewhere)
  assert.match(await settings('unblock', { person: owner.id }), /is not blocked\.$/)
  const again = analogy(owner)
  ;(await bot.work()).done()
  await resultOf(again)
})

test('what waits and runs of who is blocked is cancelled, and nothing of others', async () => {
  const running = analogy(owner)
  await bot.work()
  const [waiting, theirs] = [analogy(owner), analogy(stranger)]
  await until(() => [waiting, theirs].every(isAcknowledged), 'their places')
  await settings('block', { person: owner.id })
  const isOver = ({ message }: Interaction) => textOf(message!).startsWith('Cancelled by those who manage this server')
  await until(() => isOver(running) && isOver(waiting), 'the end of both')
  ;(await bot.work()).done()
  await resultOf(theirs)
})

test('those who manage the server can’t be blocked, and nobody else blocks', async () => {
  assert.match(await settings('block', { person: admin.id }), /manages this server, and can’t be blocked\.$/)
  for (const name of ['block', 'unblock']) {
    assert.match(await settings(name, { person: owner.id }, stranger), /^Only those who manage this server/)
  }
  assert.deepEqual((await bot.store.settings.get(guildId)).blocked, [])
})

test('a role has a limit of its own, and of several the most generous counts', async () => {
  await settings('change', { 'person-limit': 1 })
  await settings('role-limit', { role: roleIds.newcomers, jobs: 1 })
  assert.match(
    await settings('role-limit', { role: roleIds.boosters, jobs: 2 }),
    /<@&2> at a time: at most 2\.\n.*<@&3> at a time: at most 1\./,
  )
  /** How many jobs are accepted. */
  const accepted = async (...roles: readonly string[]) => {
    bot.discord.setRoles(guildId, owner, roles)
    const asked: Interaction[] = []
    for (let count = 0; count < 3; count++) {
      const one = analogy(owner)
      asked.push(one)
      await until(() => isAcknowledged(one) || one.followUps.length > 0, 'an answer')
    }
    const good = asked.filter(isAcknowledged)
    for (const one of good) {
      ;(await bot.work()).done()
      await resultOf(one)
    }
    return good.length
  }
  assert.equal(await accepted(), 1)
  assert.equal(await accepted(roleIds.boosters, roleIds.newcomers), 2)
  await settings('change', { 'person-limit': 3 })
  assert.equal(await accepted(roleIds.newcomers), 1)
  await settings('role-limit', { role: roleIds.newcomers })
  assert.equal(await accepted(roleIds.newcomers), 3)
  assert.deepEqual((await bot.store.settings.get(guildId)).roleLimits, { [roleIds.boosters]: 2 })
})
