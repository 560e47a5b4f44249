import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { fileStem } from '../../../commands/diffs/export.ts'
import { decodeDifference, encodeDifference, type Origin, type TargetModel } from '../../../src/engine/difference.ts'
import { UserError } from '../../../src/errors.ts'
import type { InspectJob } from '../../../src/jobs/protocol.ts'
import { decodeSafetensors, encodeSafetensors } from '../../../src/tensor/safetensors.ts'
import { tensor } from '../../../src/tensor/tensor.ts'
import { type Bot, startBot } from '../../loopback/bot.ts'
import {
  type Attachment,
  admin,
  galleryOf,
  guildId,
  otherChannelId,
  otherGuildId,
  outsider,
  owner,
  type Person,
  stranger,
  textOf,
  until,
} from '../../loopback/discord.ts'
import { ComponentType, EPHEMERAL, flatten } from '../../loopback/rules.ts'
import { answerTo, forgedButton, png, save, whisperOf } from '../whispers.ts'

let bot: Bot
before(async () => {
  bot = await startBot({ models: ['emoji', 'other'] })
})
after(() => bot.close())
beforeEach(async () => {
  await bot.store.forget(guildId)
  await bot.store.forget(otherGuildId)
})

const model: TargetModel = { name: 'emoji', hash: 'hash', tokenWidths: [8] }
const tokens = [
  tensor(
    [2, 8],
    Float32Array.from({ length: 16 }, (_, index) => index / 7 - 1),
  ),
]
const origin: Origin = {
  version: '0.1.0',
  model: 'emoji',
  modelHash: 'hash',
  mode: 'fast',
  seed: 7,
  steps: 120,
  strength: 1.25,
  preserve: 0.5,
  fit: 0.83,
  captions: { a: 'a cat', a2: 'a cat, framed' },
  loss: [1, 0.5, 0.25],
}
const learned = Uint8Array.from(encodeSafetensors(encodeDifference({ tokens, origin })))

const exported = (name: string, who?: Person) => answerTo(bot.discord.slash('diffs export', { name }, who))
const upload = (bytes: Uint8Array, claims: Partial<Attachment> = {}) =>
  bot.discord.attach(bytes, { filename: 'difference.safetensors', content_type: 'application/octet-stream', ...claims })
const importing = (file: Attachment, name: string, who: Person = owner, more = {}) =>
  bot.discord.slash('diffs import', { file, name, ...more }, who)

test('a difference leaves as a file that anybody here may have', async () => {
  await save(bot.store, guildId, 'Größe_ 1 🎉', { bytes: learned })
  const message = await exported('größe_ 1 🎉', stranger)
  assert.match(textOf(message), /^\*\*Größe\\_ 1 🎉\*\*, for the model `emoji`. .* a textual inversion\.$/)
  const [file] = flatten(message.components).filter(({ type }) => type === ComponentType.File)
  assert.equal(file!.file!.url, 'attachment://Gro-e_-1.safetensors')
  assert.deepEqual(message.files[0]!.bytes, learned)
  const details = await answerTo(bot.discord.slash('diffs show', { name: 'Größe_ 1 🎉' }))
  assert.deepEqual((await answerTo(bot.discord.press(details, 'Export'))).files[0]!.bytes, learned)
})

test('what a file is called is safe everywhere', () => {
  const names = ['../../etc/passwd', 'שלום', '🎉', 'a\u202Eb', '-rf', '.', 'Ä'.repeat(32), 'ﬁ½', 'con fetti']
  assert.deepEqual(names.map(fileStem), [
    'etc-passwd',
    'difference',
    'difference',
    'a-b',
    'rf',
    'difference',
    'A'.repeat(32),
    'fi1-2',
    'con-fetti',
  ])
})

test('nothing of another server leaves, whatever the custom_id', async () => {
  await save(bot.store, otherGuildId, 'Theirs', { bytes: learned })
  await save(bot.store, guildId, 'Ours', { bytes: learned })
  assert.match(textOf(await exported('Theirs', admin)), /^No difference/)
  const message = await answerTo(bot.discord.slash('diffs show', { name: 'Ours' }))
  for (const customId of ['export-diff:Theirs', `export-diff:${otherGuildId}:Theirs`, 'export-diff:', 'export-diff']) {
    const answer = await answerTo(bot.discord.press(forgedButton(message, customId), 'Forged'))
    assert.match(textOf(answer), /^No difference/)
    assert.deepEqual(answer.files, [])
  }
})

test('exported and imported on another server it is the same, byte for byte, with what is known of it', async () => {
  await save(bot.store, guildId, 'Frame', { bytes: learned })
  const { bytes } = (await exported('Frame')).files[0]!
  const interaction = importing(upload(bytes), 'Goldener Rahmen', outsider)
  const { job, done } = await bot.work()
  assert.equal(job.kind, 'inspect')
  done({
    image: undefined,
    difference: readAndWritten(job as InspectJob),
    pictures: { loss: png(4) },
    report: {
      model: 'emoji',
      modelHash: 'hash',
      mode: 'fast',
      seed: 7,
      steps: 120,
      caption: origin.captions,
      strength: 1.25,
      fit: 0.83,
      verdict: 'well',
      seconds: {},
      peakRssBytes: 0,
    },
  })
  await until(() => textOf(interaction.message!).startsWith('Saved'), 'the end')
  const saved = await bot.store.differences.get(otherGuildId, 'goldener rahmen')
  assert.deepEqual(Uint8Array.from(saved!.bytes), learned)
  assert.equal(saved!.person, outsider.id)
  assert.equal(saved!.pairs, undefined)
  assert.deepEqual(saved!.facts.caption, { a: 'a cat', a2: 'a cat, framed' })
  assert.deepEqual([...saved!.pictures.loss!], [4])
  assert.match(
    textOf(interaction.message!),
    /^Saved \*\*Goldener Rahmen\*\*: use it with `\/apply-diff`\.\n-# learned well$/,
  )
  const again = await exported('Goldener Rahmen', { ...owner, channelId: otherChannelId })
  assert.deepEqual(again.files[0]!.bytes, bytes)
})

/** As the worker answers an `inspect` job. */
function readAndWritten({ bytes }: InspectJob): Uint8Array {
  return encodeSafetensors(
    encodeDifference(decodeDifference(decodeSafetensors(bytes, 'The file'), { name: 'The file', model })),
  )
}

test('imported without pictures, it is shown on a drawn face, and the list says so', async () => {
  const interaction = importing(upload(learned), 'drawn')
  const { job, done } = await bot.work()
  assert.equal((job as InspectJob).isDrawn, true)
  const report = { model: 'emoji', mode: 'fast', seed: 7, isDrawn: true, seconds: {}, peakRssBytes: 0 } as const
  done({ image: undefined, difference: learned, pictures: { a: png(1), a2: png(2), pair: png(3) }, report })
  await until(() => interaction.message && textOf(interaction.message).startsWith('Saved'), 'the end')
  const alt = 'A: a drawn face. A′: the face with the difference applied'
  assert.equal(galleryOf(interaction.message!)[0]!.alt, alt)
  const answer = await answerTo(bot.discord.slash('diffs list', {}))
  assert.match(textOf(answer), /drawn.*\n.*\n-# The file brought no pictures along: shown on a drawn face\./)
  assert.ok(JSON.stringify(answer.components).includes(alt))
})

test('it is for the model that was asked for, else the server’s, else the usual one', async () => {
  const modelOf = async (name: string, more?: { readonly model: string }) => {
    const interaction = importing(upload(learned), name, owner, more)
    const { job, done } = await bot.work()
    done()
    await until(() => interaction.message && textOf(interaction.message).startsWith('Saved'), 'the end')
    return job.options.model
  }
  assert.equal(await modelOf('first'), 'emoji')
  assert.equal(await modelOf('second', { model: 'other' }), 'other')
  await bot.store.settings.change(guildId, { model: 'other' })
  assert.equal(await modelOf('third'), 'other')
  const completion = bot.discord.complete('diffs import', 'model', 'OTH')
  await until(() => completion.choices, 'choices')
  assert.deepEqual(
    completion.choices!.map(({ value }) => value),
    ['other'],
  )
})

const refused: [string, () => Attachment, RegExp][] = [
  [
    'a picture',
    () => upload(learned, { filename: 'a.png', content_type: 'image/png' }),
    /^The file is not a difference/,
  ],
  ['a pickle', () => upload(learned, { filename: 'a.PT' }), /^The file is a PyTorch file, which may hold a program/],
  ['two endings', () => upload(learned, { filename: 'a.safetensors.exe' }), /^The file is not a difference/],
  ['nothing', () => upload(new Uint8Array(0)), /^The file is an empty file/],
  ['a megabyte and a byte', () => upload(learned, { size: 1_000_001 }), /^The file is too large; .* at most 1 MB\.$/],
  ['more than it claims', () => upload(new Uint8Array(1_000_001), { size: 9 }), /^The file is too large; .* 1 MB\.$/],
  [
    'a foreign host',
    () => upload(learned, { url: 'http://169.254.169.254/x.safetensors' }),
    /^The file is on a host I may not/,
  ],
]
for (const [what, file, sentence] of refused) {
  test(`${what} is answered with a sentence to the person alone`, async () => {
    assert.match(await whisperOf(importing(file(), 'New')), sentence)
    assert.deepEqual(await bot.store.differences.list(guildId), [])
  })
}

test('a bad or taken name, a full server, and a person without the right are told before anything is fetched', async () => {
  await save(bot.store, guildId, 'Frame')
  const refusal = async (name: string) => {
    const interaction = importing(upload(learned), name)
    const answer = await answerTo(interaction)
    assert.equal(answer, interaction.message, 'it is the first answer; fetching comes after one in public')
    return textOf(answer)
  }
  assert.match(await refusal('FRAME'), /choose another name/)
  assert.match(await refusal('a\u202Eb'), /A name is made of/)
  await bot.store.settings.change(guildId, { limit: 1 })
  assert.match(await refusal('New'), /that is the limit/)
  await bot.store.settings.change(guildId, { savers: 'managers', limit: undefined })
  assert.match(await refusal('New'), /only those who manage it may save/)
})

test('an import is answered to the person alone, as saving is', async () => {
  const interaction = importing(upload(learned), 'Quiet')
  const { done } = await bot.work()
  done()
  await until(() => interaction.message && textOf(interaction.message).startsWith('Saved'), 'the end')
  assert.ok(interaction.message!.flags & EPHEMERAL)
})

test('a damaged file is a sentence of the worker’s, and nothing is saved', async () => {
  const damaged = learned.slice(0, learned.length - 3)
  const interaction = importing(upload(damaged), 'New')
  const { job, failed } = await bot.work()
  try {
    readAndWritten(job as InspectJob)
    assert.fail('Expected the file to be refused.')
  } catch (error) {
    assert.ok(error instanceof UserError)
    failed(error)
  }
  await until(() => /^The file is /.test(textOf(interaction.message!)), 'a sentence')
  assert.ok(interaction.message!.flags & EPHEMERAL || interaction.message!.isDeleted)
  assert.deepEqual(await bot.store.differences.list(guildId), [])
})
