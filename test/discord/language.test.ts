import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { FollowUp } from '../../src/discord/delivery/result-action.ts'
import { UserError } from '../../src/errors.ts'
import type { TicketRecord } from '../../src/jobs/ticket-storage.ts'
import { sentence } from '../../src/sentence.ts'
import { openStore } from '../../src/store/open.ts'
import { answerTo, buttonsOf, formOf, turned, whisperOf } from '../commands/whispers.ts'
import { type Bot, startBot } from '../loopback/bot.ts'
import { galleryOf, guildId, type Interaction, owner, type Person, textOf, until } from '../loopback/discord.ts'

// A German on a Japanese server.

const german: Person = { ...owner, locale: 'de' }

const dataDirectory = mkdtempSync(join(tmpdir(), 'isto-'))

let bot: Bot
before(async () => {
  bot = await startBot({ dataDirectory })
  bot.discord.speak(guildId, 'ja')
})
after(async () => {
  await bot.close()
  rmSync(dataDirectory, { recursive: true, force: true })
})

const attach = (byte: number) => bot.discord.attach(Uint8Array.of(byte))
const three = () => ({ a: attach(1), a2: attach(2), b: attach(3), seed: 7, words: 'a dog' })
const analogy = (options: object = {}) => bot.discord.slash('analogy', { ...three(), ...options }, german)
const told = ({ message }: Interaction, words: RegExp) =>
  until(() => message && words.test(textOf(message)), `the words ${words}`)

const notices = [sentence('{name} is animated; its first frame was used.', { name: 'B' }), 'Said by an older worker.']

test('commands are described in every language, and Discord tells the bot so again', () => {
  const [command] = bot.discord.commands()
  assert.deepEqual(Object.keys(command!.description_localizations!), ['de', 'es-ES', 'es-419', 'fr', 'ja', 'pt-BR'])
})

test('what only the reader sees is in the reader’s language', async () => {
  const asked = bot.discord.slash('diffs forget', {}, german)
  assert.match(
    await whisperOf(asked),
    /^Soll ich das löschen: alles, was ich auf diesem Server über dich habe \(0 gesp/,
  )
  assert.equal(textOf(await turned(bot.discord.press(asked.message!, 'Alles löschen', german))), 'Gelöscht.')
})

test('a form, and a refusal, are in the reader’s language', async () => {
  const { form } = await formOf(bot.discord.slash('learn', { name: 'Winter' }, german))
  assert.equal(form!.title, 'Was ändert sich?')
  assert.match(JSON.stringify(form), /"label":"Vorher","description":"Ein bis 5 Bilder"/)
  const empty = analogy({ a: bot.discord.attach(new Uint8Array(), { size: 0 }) })
  assert.equal(await whisperOf(empty), 'A ist eine leere Datei.')
})

test('a public job is told of in the server’s language, to its end and after a restart', async () => {
  const sent = analogy()
  const { progress } = await bot.work()
  progress({ stage: 'learn', step: 3, of: 4, notice: notices[0] })
  await told(sent, /^A から A′ への変化を学習しています\n75 % 完了、ステップ 3 \/ 4、残り.*\nBはアニメーションです/)
  assert.deepEqual(buttonsOf(sent.message!), ['キャンセル'])
  await bot.stop()
  assert.equal(textOf(sent.message!), '再起動しています。ジョブはまもなく再開します。')

  bot = await startBot({ discord: bot.discord, dataDirectory })
  const again = await bot.work()
  again.progress({ stage: 'sample', step: 1, of: 2 })
  await told(sent, /^B′ を描いています/)
  again.done({
    notices,
    report: { model: 'emoji', mode: 'fast', seed: 7, seconds: {}, peakRssBytes: 0, strength: 1.5 },
  })
  await bot.settled()
  assert.equal(
    textOf(sent.message!),
    [
      '**A** と **A′** の関係は、**B** と **B′** の関係と同じです',
      'Bはアニメーションです。最初のフレームを使いました。',
      'Said by an older worker.',
      '-# シード値 7 · 強さ 1.5 · 言葉：a dog',
    ].join('\n'),
  )
  assert.deepEqual(galleryOf(sent.message!).at(-1)!.alt, 'B′：a dog（A から A′ と同じように変化）')
  assert.deepEqual(buttonsOf(sent.message!).slice(0, 3), ['保存', '別の画像', 'もう一度'])
})

test('a private job is told of in the reader’s language', async () => {
  const sent = analogy({ private: true })
  const { progress, done } = await bot.work()
  progress({ stage: 'load', step: 0, of: 1 })
  await told(sent, /^Das Modell wird geladen …\n.*-# Nur du siehst das\./s)
  done({ report: { model: 'emoji', mode: 'fast', seed: 7, seconds: {}, peakRssBytes: 0, strength: 1.5 } })
  await bot.settled()
  assert.match(textOf(sent.message!), /-# Seed 7 · Stärke 1,5 · Worte: a dog$/)
})

test('why a public job failed is told to its person alone, in that person’s language', async () => {
  const sent = analogy()
  const { failed } = await bot.work()
  failed(new UserError('{name} is empty: choose another picture.', { name: sentence('The picture') }))
  await bot.settled()
  assert.equal(await whisperOf(sent), 'Das Bild ist leer: Wähle ein anderes Bild.')
})

test('a refusal names what people wrote as they wrote it', async () => {
  const answer = await answerTo(bot.discord.slash('diffs show', { name: 'Cancel {name}' }, german))
  assert.match(textOf(answer), /^Kein Unterschied \*\*Cancel \{name\}\*\* ist hier gespeichert/)
})

test('a job that an earlier version took goes on in English', async () => {
  const sent = analogy()
  await bot.work()
  await bot.stop()
  const store = await openStore(dataDirectory)
  for (const { ticket, ...rest } of await store.tickets.all<TicketRecord<FollowUp>>()) {
    const { locale, serverLocale, ...target } = ticket.followUp.target
    await store.tickets.put(ticket.id, { ...rest, ticket: { ...ticket, followUp: { ...ticket.followUp, target } } })
  }
  await store.close()
  bot = await startBot({ discord: bot.discord, dataDirectory })
  ;(await bot.work()).done()
  await bot.settled()
  assert.match(textOf(sent.message!), /^\*\*A\*\* is to \*\*A′\*\*/)
})
