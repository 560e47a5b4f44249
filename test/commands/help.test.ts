import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { AnalogyJob } from '../../src/jobs/protocol.ts'
import { type Bot, startBot } from '../loopback/bot.ts'
import { galleryOf, owner, textOf, until } from '../loopback/discord.ts'
import { buttonsOf, privateAnswer } from './whispers.ts'

let bot: Bot
before(async () => {
  bot = await startBot({ models: ['emoji', 'paint'] })
})
after(() => bot.close())

test('/help says to the person alone how to start, what the words mean and what the model knows', async () => {
  const answer = await privateAnswer(bot.discord.slash('help', {}))
  const text = textOf(answer)
  for (const part of ['`/analogy`', '**learned well**', '**partly learned**', '**not learned**', 'hardly differ']) {
    assert.ok(text.includes(part), part)
  }
  assert.match(text, /\*\*emoji\*\* is in use here\. In its own words it knows emoji, and no photographs\./)
  assert.deepEqual(
    galleryOf(answer).map(({ name }) => name),
    ['a.png', 'a2.png', 'b.png'],
  )
  const german = await privateAnswer(bot.discord.slash('help', {}, { ...owner, locale: 'de' }))
  assert.match(textOf(german), /\*\*gut gelernt\*\*/)
})

test('of a model that says nothing about itself, nothing is said', async () => {
  const me = { ...owner, isDirect: true }
  await bot.store.settings.change(`@${owner.id}`, { model: 'paint' })
  const text = textOf(await privateAnswer(bot.discord.slash('help', {})))
  assert.match(text, /\*\*emoji\*\*/)
  const direct = bot.discord.slash('help', {}, me)
  await until(() => direct.message, 'help')
  assert.match(textOf(direct.message!), /\*\*paint\*\* is in use here\.$/)
})

test('the example runs by one button, as private as the help', async () => {
  const answer = await privateAnswer(bot.discord.slash('help', {}))
  const pressed = bot.discord.press(answer, 'Try this example')
  const { job, done } = await bot.work()
  const { pairs, b, options } = job as AnalogyJob
  const file = (name: string) => readFileSync(`examples/02-orange-to-purple/${name}.png`)
  assert.deepEqual([pairs[0]!.a, pairs[0]!.a2, b].map(Buffer.from), [file('a'), file('a2'), file('b')])
  assert.deepEqual([options.model, options.seed], ['emoji', 0])
  done()
  await until(() => pressed.message && buttonsOf(pressed.message).includes('Stronger'), 'the result')
  assert.ok(pressed.message!.flags & 64)
  assert.deepEqual(
    galleryOf(pressed.message!).map(({ name }) => name),
    ['a.png', 'a2.png', 'b.png', 'b2.png'],
  )
})
