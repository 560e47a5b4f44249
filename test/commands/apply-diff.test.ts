import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { OtherModelError } from '../../src/errors.ts'
import type { ApplyJob, Report } from '../../src/jobs/protocol.ts'
import { type Bot, startBot, type Work } from '../loopback/bot.ts'
import {
  admin,
  galleryOf,
  guildId,
  type Interaction,
  otherGuildId,
  outsider,
  owner,
  type Person,
  stranger,
  textOf,
  until,
} from '../loopback/discord.ts'
import { buttonsOf, forgedButton, jpeg, privateAnswer, resultOf, savedAs, whisperOf } from './whispers.ts'

let bot: Bot
before(async () => {
  bot = await startBot({ models: ['emoji', 'sd15'] })
})
after(() => bot.close())
afterEach(async () => {
  for (const scope of [guildId, otherGuildId, `@${owner.id}`]) await bot.store.forget(scope)
})

const image = () => bot.discord.attach(Uint8Array.of(9), { filename: '../x.exe' })
const put = (name: string, change = {}, scope = guildId) => bot.store.differences.save(scope, savedAs(name, change))
const apply = (options: Record<string, string | number | undefined>, who: Person = owner) =>
  bot.discord.slash('apply-diff', { image: image(), ...options }, who)

async function nextApply(): Promise<Omit<Work, 'job'> & { readonly job: ApplyJob }> {
  const { job, ...work } = await bot.work()
  assert.ok(job.kind === 'apply')
  return { job, ...work }
}

const report: Report = { model: 'emoji', mode: 'fast', seed: 7, seconds: {}, peakRssBytes: 0, version: '1' }

test('a saved difference is applied as it was saved, and shown with the pair it was learned from', async () => {
  const pairs = [1, 2].map((byte) => ({ a: jpeg(byte), a2: Uint8Array.of(byte, byte) }))
  const caption = { a: 'a cat', a2: 'a cat, framed' }
  await put('Framed_!', { pairs, facts: { ...savedAs('').facts, caption } })
  const sent = apply({ name: 'framed_!' })
  const { job, done } = await nextApply()
  assert.ok(sent.answeredAfter! < 1000)
  assert.deepEqual(
    job.differences.map(({ bytes, strength }) => [[...bytes], strength]),
    [[[7, 7, 7], 1.25]],
  )
  assert.deepEqual([...job.image], [9])
  const { model, mode, strength, preserve, seed, prompt } = job.options
  assert.deepEqual([model, mode, strength, preserve, prompt], ['emoji', 'fast', 1.25, 0.5, undefined])
  assert.ok(seed >= 0 && seed < 2 ** 32)
  done({ report: { ...report, strength: 1.25, preserve: 0.5, caption: { b: 'a dog' } } })
  const message = await resultOf(sent)
  assert.equal(textOf(message), '**Framed\\_!** applied to **B**\n-# seed 7 · strength 1.25 · preserve 0.5')
  assert.deepEqual(galleryOf(message), [
    { name: 'a.jpg', alt: 'A: a cat' },
    { name: 'a2.png', alt: 'A′: a cat, framed' },
    { name: 'b.png', alt: 'B: a dog' },
    { name: 'b2.png', alt: 'B′: a dog, with Framed_! applied' },
  ])
  assert.deepEqual(
    message.files.map(({ bytes }) => bytes.at(-1)),
    [1, 1, 9, 4],
  )
})

test('without the pair itself its small pictures are shown', async () => {
  await put('small', { pictures: { a: Uint8Array.of(51), a2: Uint8Array.of(52) } })
  const sent = apply({ name: 'small' })
  const { done } = await nextApply()
  done()
  const message = await resultOf(sent)
  assert.deepEqual(
    message.files.map(({ name, bytes }) => [name, bytes[0]]),
    [
      ['a.png', 51],
      ['a2.png', 52],
      ['b.png', 9],
      ['b2.png', 4],
    ],
  )
  const again = bot.discord.press(message, 'Again')
  const { job, done: doneAgain } = await nextApply()
  assert.equal(job.options.strength, 1.25)
  doneAgain()
  assert.equal((await resultOf(again)).files[0]?.bytes[0], 51)
})

test('strength: what is asked for, of the first; else what the server sets; else as it was saved', async () => {
  await put('one')
  await put('two', { bytes: Uint8Array.of(8), facts: { ...savedAs('').facts, strength: 2.5 } })
  await put('three', { bytes: Uint8Array.of(6), facts: { ...savedAs('').facts, strength: undefined } })
  await put('four', { bytes: Uint8Array.of(5), facts: { ...savedAs('').facts, strength: -1 } })
  const strengths: [number | undefined, Record<string, string | number>, (number | undefined)[]][] = [
    [undefined, { name: 'one', and: 'TWO', strength: -1, preserve: 0.9, seed: 11 }, [-1, 2.5]],
    [undefined, { name: 'two', and: 'one' }, [2.5, 1.25]],
    // A foreign file knows no strength: the worker takes 1.
    [undefined, { name: 'three' }, [undefined]],
    [0.75, { name: 'one', strength: 0 }, [0]],
    [0.75, { name: 'one', and: 'three' }, [0.75, 0.75]],
    [0.75, { name: 'two', and: 'one', strength: 2 }, [2, 0.75]],
    // Saved reversed, it stays so.
    [0.75, { name: 'four' }, [-0.75]],
  ]
  for (const [strength, options, expected] of strengths) {
    await bot.store.settings.change(guildId, { strength })
    const sent = apply(options)
    const { job, done } = await nextApply()
    assert.deepEqual(
      job.differences.map(({ strength }) => strength),
      expected,
    )
    if (options.seed) assert.deepEqual([job.options.seed, job.options.preserve], [11, 0.9])
    done()
    const message = await resultOf(sent)
    if (options.and === 'TWO') assert.match(textOf(message), /^\*\*one\*\* and \*\*two\*\* applied to \*\*B\*\*/)
  }
})

test('names are suggested: 25 of 100, by any part of them, and of this server only', async () => {
  const names = Array.from({ length: 94 }, (_, index) => `Number ${index}`)
  names.push('Überzeichnet', 'to ÜBERMUT', 'שלום עולם', 'تحویل', '🎄_tree_', 'tree house')
  for (const name of names) await put(name)
  await put('foreign number', {}, otherGuildId)
  await put('direct number', {}, `@${owner.id}`)
  const suggest = async (typed: string, option = 'name', who: Person = owner) => {
    const asked = bot.discord.complete('apply-diff', option, typed, { who })
    await until(() => asked.choices, 'suggestions')
    assert.ok(asked.choices!.every(({ name, value }) => name === value))
    return asked.choices!.map(({ name }) => name)
  }
  const all = await suggest('')
  assert.equal(all.length, 25)
  assert.equal((await suggest('number')).length, 25)
  assert.deepEqual(await suggest('UMBER 93'), ['Number 93'])
  assert.deepEqual(await suggest('number 9', 'and'), ['Number 9', ...[90, 91, 92, 93].map((n) => `Number ${n}`)])
  assert.deepEqual(await suggest('über'), ['Überzeichnet', 'to ÜBERMUT'])
  assert.deepEqual(await suggest('u\u0308ber'), ['Überzeichnet', 'to ÜBERMUT'])
  assert.deepEqual(await suggest('TREE'), ['tree house', '🎄_tree_'])
  assert.deepEqual(await suggest('עולם'), ['שלום עולם'])
  assert.deepEqual(await suggest('*'), [])
  assert.deepEqual(await suggest('x'.repeat(6000)), [])
  assert.deepEqual(await suggest('', 'name', outsider), ['foreign number'])
  assert.deepEqual(await suggest('', 'and', { ...owner, isDirect: true }), ['direct number'])
})

const unknown: [string, Record<string, string>][] = [
  ['an unknown name', { name: 'nowhere' }],
  ['a name of another server', { name: 'theirs' }],
  ['an unknown second name', { name: 'one', and: 'nowhere' }],
  ['a second name of another server', { name: 'one', and: 'theirs' }],
  ['a path', { name: '../../isto.sqlite' }],
  ['a key of the store', { name: '__proto__' }],
]
for (const [what, options] of unknown) {
  test(`${what} is told to the person alone`, async () => {
    await put('one')
    await put('theirs', {}, otherGuildId)
    assert.match(await whisperOf(apply(options)), /^No difference \*\*.+\*\* is saved here, and none among your own/)
  })
}

test('what is no picture is refused before anything is looked up', async () => {
  const text = bot.discord.attach(Uint8Array.of(1), { content_type: 'text/plain' })
  const sent = bot.discord.slash('apply-diff', { name: 'nowhere', image: text })
  assert.match(await whisperOf(sent), /^The picture is not a type of picture I can read/)
})

test('direct messages and two servers have their own differences of one name', async () => {
  await put('same', { bytes: Uint8Array.of(1) })
  await put('same', { bytes: Uint8Array.of(2), person: outsider.id }, otherGuildId)
  await put('same', { bytes: Uint8Array.of(3) }, `@${owner.id}`)
  const places: [Person, number][] = [
    [owner, 1],
    [outsider, 2],
    [{ ...owner, isDirect: true }, 3],
  ]
  for (const [who, expected] of places) {
    const sent = apply({ name: 'same' }, who)
    const { job, done } = await nextApply()
    assert.deepEqual([...job.differences[0]!.bytes], [expected])
    done()
    await resultOf(sent)
  }
  assert.match(await whisperOf(apply({ name: 'same' }, { ...stranger, isDirect: true })), /^No difference/)
})

// ---- Differences of another model ----

const foreign = { ...savedAs('').facts, model: 'sd15', seed: 99 }
const pairs = [{ a: Uint8Array.of(1), a2: Uint8Array.of(2) }]

/** Presses the button, and ends the job that learns anew. */
async function relearn(pressed: Interaction, bytes: number): Promise<string> {
  const { job, done } = await bot.work()
  assert.ok(job.kind === 'learn')
  assert.deepEqual(
    job.pairs.map(({ a, a2 }) => [a[0], a2[0]]),
    [[1, 2]],
  )
  assert.deepEqual([job.options.model, job.options.seed], ['emoji', 99])
  done({ difference: Uint8Array.of(bytes), report })
  return textOf(await resultOf(pressed))
}

test('one that was learned on another model is refused, and learned again from its pair if wanted; it stays whose it was', async () => {
  await put('from_afar', { facts: foreign, pairs, person: stranger.id })
  await put('near')
  for (const options of [{ name: 'from_afar' }, { name: 'near', and: 'from_afar' }]) {
    const answer = await privateAnswer(apply(options))
    assert.equal(textOf(answer), '**from\\_afar** was learned on the model **sd15**, but **emoji** is used here.')
    assert.deepEqual(buttonsOf(answer), ['Learn it again on this model'])
  }
  const answer = await privateAnswer(apply({ name: 'from_afar' }))
  const pressed = bot.discord.press(answer, 'Learn it again on this model')
  assert.match(await relearn(pressed, 77), /^Learned and saved \*\*from\\_afar\*\*/)
  const { bytes, person, facts, pairs: kept } = (await bot.store.differences.get(guildId, 'from_afar'))!
  assert.deepEqual([[...bytes], person, facts.model, kept?.length], [[77], stranger.id, 'emoji', 1])
  const sent = apply({ name: 'from_afar' })
  const { done } = await nextApply()
  done()
  await resultOf(sent)
})

test('where the server uses its own model, that one counts', async () => {
  await put('at home', { facts: foreign })
  await bot.store.settings.change(guildId, { model: 'sd15' })
  const sent = apply({ name: 'at home' })
  const { job, done } = await nextApply()
  assert.equal(job.options.model, 'sd15')
  done()
  await resultOf(sent)
})

test('what only the worker can tell is told with the same button', async () => {
  await put('same name', { facts: { ...foreign, model: 'emoji', modelHash: 'old' }, pairs })
  const sent = apply({ name: 'same name' })
  const { failed } = await nextApply()
  failed(new OtherModelError('The difference was learned on another version of emoji.'))
  const message = await resultOf(sent)
  assert.match(textOf(message), /another version of emoji/)
  assert.match(await relearn(bot.discord.press(message, 'Learn it again on this model'), 78), /^Learned and saved/)
})

test('one without its pair can not be learned again', async () => {
  await put('bare', { facts: foreign })
  const answer = await privateAnswer(apply({ name: 'bare' }))
  assert.match(textOf(answer), /Its pictures are not kept, so it has to be learned again with `\/learn`\.$/)
  assert.deepEqual(buttonsOf(answer), [])
  const forged = bot.discord.press(forgedButton(answer, 'relearn:bare'), 'Forged')
  assert.match(await whisperOf(forged), /^The pictures of \*\*bare\*\* are not kept/)
})

test('only who may save may have it learned again, and once at a time', async () => {
  await put('watched', { facts: foreign, pairs })
  const answer = await privateAnswer(apply({ name: 'watched' }))
  await bot.store.settings.change(guildId, { savers: 'managers' })
  const label = 'Learn it again on this model'
  assert.match(await whisperOf(bot.discord.press(answer, label)), /only those who manage it/)
  const pressed = bot.discord.press(answer, label, admin)
  const { done } = await bot.work()
  assert.match(await whisperOf(bot.discord.press(answer, label, admin)), /^\*\*watched\*\* is being learned right now/)
  done({ difference: Uint8Array.of(79), report })
  await resultOf(pressed)
})

test('a button that names what is not here does nothing', async () => {
  await put('bait')
  await put('hidden', { facts: foreign, pairs }, otherGuildId)
  const sent = apply({ name: 'bait' })
  const { done } = await nextApply()
  done()
  const message = await resultOf(sent)
  for (const name of ['hidden', 'no such', '', '../../x', 'x'.repeat(80), '__proto__', `${otherGuildId}:hidden`]) {
    const pressed = bot.discord.press(forgedButton(message, `relearn:${name}`), 'Forged')
    assert.match(await whisperOf(pressed), /^No difference \*\*.*\*\* is saved here/)
  }
})

test('the log holds no fault', () => {
  assert.deepEqual(bot.log, [])
})
